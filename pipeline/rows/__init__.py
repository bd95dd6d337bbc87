"""How the rows of each store are computed: frame numbers, crops, heatmaps, cuts of networks."""
