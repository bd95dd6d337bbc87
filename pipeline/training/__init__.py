"""Results of trainings, their place in the cache, and the split of clips that they may use."""
