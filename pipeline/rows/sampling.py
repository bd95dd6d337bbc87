"""Rows of samples.zarr: the frames of each recipe and view."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cache import ArraySpec, StoreSpec
from pipeline.arrays.dim_names import recipe_dims
from pipeline.arrays.no_arrays import nothing_asked
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.opened import made_keys, opened_entries, opened_store
from pipeline.paths import Paths
from pipeline.rng import rng_for
from pipeline.values import Samples
from pipeline.video.sampling import SamplingRule, sample

SHARD_ROWS = 4096


@dataclass(frozen=True)
class SampleWork:
    """Applies every recipe's rule to a clip."""

    catalog: Path
    rules: Mapping[str, SamplingRule]
    made_with: Mapping[str, str] = field(default_factory=dict)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's frame numbers, (A, T) a recipe."""
        return one_by_one(self._clip, ids, arrays)

    def _clip(self, clip_id: str, arrays: frozenset[str]) -> ClipArrays:
        num_frames = opened_entries(self.catalog)[clip_id].shared_frames
        return {
            name: sample(self.rules[name], num_frames, rng=rng_for("sample", name, clip_id)).frames
            for name in arrays
        }


def samples_spec(rules: Mapping[str, SamplingRule]) -> StoreSpec:
    """Arrays of samples.zarr: (clip, view, frame) int32 for each rule."""
    if not rules:
        return nothing_asked()
    shapes = {name: (rule.views, rule.num_frames) for name, rule in rules.items()}
    dims = recipe_dims(shapes, ("view", "frame"))
    arrays = (ArraySpec(name, "int32", shapes[name], dims[name], chunk_rows=64) for name in rules)
    return StoreSpec(tuple(arrays), rows_per_shard=SHARD_ROWS, row_dim="clip")


def coverage(paths: Paths, recipes: Iterable[str]) -> str:
    """Describe the mean and the worst share of a clip between its first and its last sampled frame."""
    store, entries = opened_store(paths.store("samples")), opened_entries(paths.catalog)
    lines = []
    for name in recipes:
        ids = list(made_keys(store, name))
        shares = [
            Samples(frames, entries[clip_id].shared_frames).coverage
            for clip_id, frames in zip(ids, store.read(name, ids), strict=True)
        ]
        lines.append(f"{name} covers {np.mean(shares):.1%} of a clip, {np.min(shares):.1%} at worst")
    return ", ".join(lines)
