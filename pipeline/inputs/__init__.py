"""Batches of arrays for networks, read from stores: frames, joints, heatmaps, cached vectors."""
