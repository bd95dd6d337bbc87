"""Building a store: plan, write blocks, publish."""
