"""Clips in a viewer: what is known of each, frame by frame, in two and three dimensions."""
