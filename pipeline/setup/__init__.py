"""A dataset of one's own made ready: its table and its preset, by looking at its folder."""
