"""HMDB51 and ARID in one: what learns from films by day is tested on videos filmed in the dark."""
