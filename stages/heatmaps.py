"""Stage `heatmaps`: Gaussian pseudo-heatmaps of one recipe's frames, or the grid joints they are rendered from."""

from dataclasses import replace
from typing import TYPE_CHECKING

from cache import Row
from pipeline.arrays.no_arrays import nothing_asked
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import Pinned, pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import HEATMAPS
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import made_keys, opened_catalog, opened_store
from pipeline.keys.keyed import in_key
from pipeline.paths import Paths
from pipeline.rows.heatmaps import HeatmapWork, heatmaps_spec
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:  # noqa: ARG001
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"), paths.store("samples"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    if not preset.heatmaps.recipe:
        return _nothing(paths, preset, catalog, inputs)
    samples = opened_store(paths.need(paths.store("samples"), "sample"))
    skeletons = opened_store(paths.need(paths.store("skeletons"), "index"))
    layout, params = LAYOUTS[catalog.layout], preset.heatmaps
    recipe = preset.crop.recipes[params.recipe]
    rule = params.rule(layout)
    _, people, joints = skeletons.spec("score").row_shape
    spec = heatmaps_spec(preset, rule, (people, joints))
    made_of = {"rule": in_key(rule), "store": params.store, "box": in_key(recipe.box)}
    keys = made_keys(skeletons, "joints_2d"), made_keys(samples, recipe.sampling)
    ids = sorted(keys[0].keys() & keys[1].keys()) if layout is not WHOLE_FRAME else []
    document = HEATMAPS.documents(params=made_of)
    documents = {
        clip_id: document({"skeleton": keys[0][clip_id], "samples": keys[1][clip_id]}) for clip_id in ids
    }
    return StoreJob(
        stage="heatmaps",
        name="heatmaps",
        spec=spec,
        rows=[Row(clip_id, {a.name: documents[clip_id] for a in spec.arrays}) for clip_id in ids],
        work=HeatmapWork(paths, preset, rule),
        coords=catalog.coords,
        attrs={"dataset": paths.dataset, **catalog.attrs, "layout": layout.name, **made_of},
        reads=("skeletons", "samples"),
        pinned=inputs,
        left_out="" if layout is not WHOLE_FRAME else "the dataset has no skeletons: nothing is drawn",
    )


def _nothing(paths: Paths, preset: "Preset", catalog: Catalog, inputs: Pinned) -> StoreJob:
    """The store of a preset that draws no heatmaps."""
    return StoreJob(
        stage="heatmaps",
        name="heatmaps",
        spec=nothing_asked(),
        rows=[],
        work=HeatmapWork(paths, preset, preset.heatmaps.rule(LAYOUTS[catalog.layout])),
        coords=catalog.coords,
        attrs={"dataset": paths.dataset, **catalog.attrs},
        reads=("skeletons", "samples"),
        pinned=inputs,
        left_out="the preset has no `heatmaps`: nothing is drawn",
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write heatmaps.zarr: `maps` (clip, view, frame, channel, y, x) uint8, or `grid_joints` and `grid_score`."""
    summary = build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)
    drawn = f"{preset.heatmaps.store} of recipe {preset.heatmaps.recipe}"
    return replace(summary, note=summary.note or drawn)
