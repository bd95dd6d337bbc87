"""How a store is built: the steps and their keys, the work, the runner, progress and failures."""
