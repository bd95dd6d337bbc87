"""The quality of an indexed dataset: what is missing, short, empty, doubled, swapped or out of step with its video."""
