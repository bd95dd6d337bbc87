"""Names inside a store, known to those who write one and to those who read one."""

MANIFEST = "manifest.json"
"""File that lists every other file of a store with its size and digest."""
KEYS = "key"
"""Coordinate that holds each row's key in each array."""
LAYOUT = "harcache"
"""Group attribute that tells our own reader how the arrays are cut."""


def shard_name(block: int, row_axes: int) -> str:
    """File of a block's shard within the array's folder: "c.3.0.0" for block 3 and two row axes."""
    return ".".join(["c", str(block), *["0"] * row_axes])


def documents_name(block: int) -> str:
    """File of a block's documents within the array's folder, where Zarr looks for chunks only."""
    return f"documents.{block}"
