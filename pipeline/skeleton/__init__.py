"""NumPy operations on joints: layouts, normalisation, streams, resampling, heatmaps, augmentation."""
