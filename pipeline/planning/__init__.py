"""A run before it is run: what it must make, writes, takes and needs, and what would stop it."""
