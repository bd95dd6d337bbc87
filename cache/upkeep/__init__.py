"""Keeping stores and the cache: what is damaged, mended, adopted, let go, and why an entry is what it is."""
