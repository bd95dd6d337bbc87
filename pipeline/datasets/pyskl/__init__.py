"""Pickles of PYSKL's annotations, with videos or without."""
