"""Stage `sample`: choose the frames of each recipe and view. Integers only; coverage is reported."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from cache import Row
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import SAMPLE
from pipeline.catalog.catalog import Entry
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
        rows=[
            Row(e.clip.clip_id, {name: _document(rule, e) for name, rule in rules.items()})
            for e in (catalog.usable() if rules else ())
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
        left_out="" if rules else "the preset has no `sample`: no frames are chosen",
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write samples.zarr: for each recipe (clip, view, frame) int32."""
    summary = build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)
    return replace(summary, note=summary.note or coverage(paths, preset.sample))


def _document(rule: SamplingRule, entry: Entry) -> dict[str, Any]:
    drawn = {"clip": entry.clip.clip_id} if rule.is_random else {}
    return SAMPLE.document(params=in_key(rule), inputs={"num_frames": entry.shared_frames, **drawn})
