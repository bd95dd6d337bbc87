"""Stage `sample`: choose the frames of each recipe and view. Integers only; coverage is reported."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cache import ArraySpec, Row, StoreSpec
from pipeline.arrays.dim_names import recipe_dims
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import SAMPLE
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.catalog import Entry
from pipeline.catalog.opened import made_keys, opened_catalog, opened_entries, opened_store
from pipeline.keys.keyed import in_key
from pipeline.paths import Paths
from pipeline.rng import rng_for
from pipeline.values import Samples
from pipeline.video.sampling import SamplingRule, sample

if TYPE_CHECKING:
    from pipeline.params.params import Preset

SHARD_ROWS = 4096


@dataclass(frozen=True)
class SampleWork:
    """Applies every recipe's rule to a clip."""

    catalog: Path
    rules: dict[str, SamplingRule]
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


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:  # noqa: ARG001
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    rules = preset.sample
    shapes = {name: (rule.views, rule.num_frames) for name, rule in rules.items()}
    dims = recipe_dims(shapes, ("view", "frame"))
    return StoreJob(
        stage="sample",
        name="samples",
        spec=StoreSpec(
            tuple(ArraySpec(name, "int32", shapes[name], dims[name], chunk_rows=64) for name in rules),
            rows_per_shard=SHARD_ROWS,
            row_dim="clip",
        ),
        rows=[
            Row(e.clip.clip_id, {name: _document(rule, e) for name, rule in rules.items()})
            for e in catalog.usable()
        ],
        work=SampleWork(paths.catalog, rules),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            **catalog.attrs,
            "recipes": {name: asdict(rule) for name, rule in rules.items()},
        },
        reads=("skeletons",),
        pinned=inputs,
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write samples.zarr: for each recipe (clip, view, frame) int32."""
    summary = build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)
    return replace(summary, note=_coverage(paths, preset.sample))


def _document(rule: SamplingRule, entry: Entry) -> dict[str, Any]:
    drawn = {"clip": entry.clip.clip_id} if rule.is_random else {}
    return SAMPLE.document(params=in_key(rule), inputs={"num_frames": entry.shared_frames, **drawn})


def _coverage(paths: Paths, rules: dict[str, SamplingRule]) -> str:
    """Mean and worst share of a clip between its first and its last sampled frame."""
    store, entries = opened_store(paths.store("samples")), opened_entries(paths.catalog)
    lines = []
    for name in rules:
        ids = list(made_keys(store, name))
        shares = [
            Samples(frames, entries[clip_id].shared_frames).coverage
            for clip_id, frames in zip(ids, store.read(name, ids), strict=True)
        ]
        lines.append(f"{name} covers {np.mean(shares):.1%} of a clip, {np.min(shares):.1%} at worst")
    return ", ".join(lines)
