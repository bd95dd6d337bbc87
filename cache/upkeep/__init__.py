"""Maintenance of stores and the cache: verify, repair, adopt, collect garbage, explain entries."""
