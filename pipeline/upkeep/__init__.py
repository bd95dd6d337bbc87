"""The commands `cache …` on the stores of a project: inventory, verification, provenance."""
