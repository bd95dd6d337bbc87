"""Layout of a network's cuts in a store: one array for each cut, one row for each clip."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cache import ArraySpec, StoreSpec
from pipeline.arrays.dim_names import recipe_dims

CHUNK_ROWS = 16
CHUNK_BYTES = 65_536
"""Rows of this size or more are a chunk each."""
SHARD_BYTES = 256_000_000
"""Bytes of a shard of the largest array, at most."""


FEATURES = "features"
"""Every backbone's first cut, whose array bears the training's name alone."""

LOGITS = "logits"
"""The cut of the classifier that a backbone was trained with; it is made of the classifier's weights too."""


CROSSED_DIMS = (("channel",), ("class",))
"""Axes of the cuts that are kept of networks trained without a part: heads take no others of theirs."""


def cut_array(training: str, cut: str) -> str:
    """Return the array that keeps a training's cut: video_0 of the features, video_0_map of the cut `map`."""
    return training if cut == FEATURES else f"{training}_{cut}"


@dataclass(frozen=True, slots=True)
class CutArray:
    """One array of a cut."""

    name: str
    dtype: Literal["float32", "float16"]
    shape: tuple[int, ...]
    """(A, …) of one clip."""
    dims: tuple[str, ...]
    """Names of the axes behind the views."""

    @property
    def num_bytes(self) -> int:
        """Bytes of one clip's row."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def cut_arrays_spec(cuts: Sequence[CutArray], *, most_rows: int) -> StoreSpec:
    """A store of these arrays, `most_rows` a shard or as many as keep it small."""
    shapes = {cut.name: cut.shape for cut in cuts}
    dims = recipe_dims(shapes, {cut.name: ("view", *cut.dims) for cut in cuts})
    largest = max(cut.num_bytes for cut in cuts)
    fitting = max(CHUNK_ROWS, SHARD_BYTES // largest // CHUNK_ROWS * CHUNK_ROWS)
    arrays = tuple(
        ArraySpec(
            cut.name,
            cut.dtype,
            cut.shape,
            dims[cut.name],
            chunk_rows=CHUNK_ROWS if cut.num_bytes < CHUNK_BYTES else 1,
        )
        for cut in cuts
    )
    return StoreSpec(arrays, rows_per_shard=min(most_rows, fitting), row_dim="clip")
