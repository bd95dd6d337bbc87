"""The tables of the five papers as data: a module a paper."""
