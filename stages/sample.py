"""Stage `sample`: choose the frames of each recipe and view. Integers only; coverage is reported."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from cache import Row
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import SAMPLE
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.keys.keyed import in_key
from pipeline.paths import Paths
from pipeline.rows.sampling import SampleWork, coverage, samples_spec
from pipeline.video.sampling import SamplingRule

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:  # noqa: ARG001
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    rules = preset.sample
    return StoreJob(
        stage="sample",
        name="samples",
        spec=samples_spec(rules),
        rows=_rows(catalog, rules),
        work=SampleWork(paths.catalog, rules),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            **catalog.attrs,
            "recipes": {name: asdict(rule) for name, rule in rules.items()},
        },
        reads=("skeletons",),
        pinned=inputs,
        left_out="" if rules else "the preset has no `sample`: no frames are chosen",
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write samples.zarr: for each recipe (clip, view, frame) int32."""
    summary = build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)
    return replace(summary, note=summary.note or coverage(paths, preset.sample))


def _rows(catalog: Catalog, rules: Mapping[str, SamplingRule]) -> list[Row]:
    document = {name: SAMPLE.documents(params=in_key(rule)) for name, rule in rules.items()}
    rows = []
    for entry in catalog.usable() if rules else ():
        clip_id, frames = entry.clip.clip_id, {"num_frames": entry.shared_frames}
        inputs = {
            name: {**frames, "clip": clip_id} if rule.is_random else frames for name, rule in rules.items()
        }
        rows.append(Row(clip_id, {name: document[name](inputs[name]) for name in rules}))
    return rows
