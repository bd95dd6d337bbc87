"""Weights by what they are made for: their card, and the files that others publish, by kind."""
