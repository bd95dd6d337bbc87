"""NumPy work on joints: layouts, normalising, streams, resampling, heatmaps, augmentation."""
