"""Evaluation of predictions: metrics, confidence intervals, late fusion, and the documents that hold them."""
