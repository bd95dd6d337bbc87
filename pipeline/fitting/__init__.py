"""Fitting of networks: the batches that each learns from, and its accuracy on the clips held out."""
