"""SF-Head: the module, its losses, and backbones that may hold it."""
