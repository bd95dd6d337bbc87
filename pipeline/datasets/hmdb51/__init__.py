"""HMDB51: clips from films and the web."""
