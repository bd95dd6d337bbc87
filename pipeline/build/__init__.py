"""Building a store: the steps and their keys, the work, the runner, progress and failures."""
