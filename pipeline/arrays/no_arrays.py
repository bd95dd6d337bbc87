"""The layout of a store that a preset asks nothing of: DVC's graph is one for every preset, so the store is there."""

from cache import ArraySpec, StoreSpec

NOTHING = "nothing"
"""Name of its one array, which has no rows: the format needs one array or more."""


def nothing_asked() -> StoreSpec:
    """Return the layout of a store without rows."""
    return StoreSpec((ArraySpec(NOTHING, "uint8", (), ()),), rows_per_shard=1, row_dim="clip")
