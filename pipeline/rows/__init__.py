"""Work that computes the rows of each store: frame numbers, crops, heatmaps, cuts of networks."""
