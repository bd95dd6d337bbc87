"""Datasets: a folder each, a line each in `names`. What each must say stands in `protocol.Dataset`."""
