"""Floor 2: the values that flow, the NumPy work on them, datasets, params and the runner. No torch."""
