"""Layout of a store's arrays, and the names of their axes."""
