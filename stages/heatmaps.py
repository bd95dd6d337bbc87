"""Stage `heatmaps`: Gaussian pseudo-heatmaps of one recipe's frames, or the grid joints they are rendered from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cache import ArraySpec, Row, StoreSpec
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import HEATMAPS
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.opened import made_keys, opened_catalog, opened_entries, opened_store
from pipeline.catalog.skeletons import joints_at, read_skeleton
from pipeline.keys.keyed import in_key
from pipeline.paths import Paths
from pipeline.skeleton.heatmaps import Canvas, HeatmapRule, to_grid
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME
from pipeline.video.boxes import box_of

if TYPE_CHECKING:
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class HeatmapWork:
    """Draws one clip's sampled frames inside its box."""

    paths: Paths
    preset: "Preset"
    rule: HeatmapRule
    made_with: Mapping[str, str] = field(default_factory=dict)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's maps, or its joints in grid cells."""
        canvas = Canvas(self.rule)
        return one_by_one(lambda clip_id, _: self._clip(canvas, clip_id), ids, arrays)

    def _clip(self, canvas: Canvas, clip_id: str) -> ClipArrays:
        recipe = self.preset.crop.recipes[self.preset.heatmaps.recipe]
        entry = opened_entries(self.paths.catalog)[clip_id]
        skeleton = read_skeleton(opened_store(self.paths.store("skeletons")), clip_id)
        frames = opened_store(self.paths.store("samples")).read_row(recipe.sampling, clip_id)
        box = box_of(recipe.box, skeleton, entry.height, entry.width)
        joints, score = joints_at(skeleton, frames)
        cells = to_grid(joints, box, self.rule.size)
        if self.preset.heatmaps.store == "joints":
            return {"grid_joints": cells, "grid_score": score}
        views, length = frames.shape
        maps = canvas.draw(cells.reshape(-1, *cells.shape[2:]), score.reshape(-1, *score.shape[2:]))
        return {"maps": maps.reshape(views, length, *maps.shape[1:])}


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:  # noqa: ARG001
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"), paths.store("samples"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    samples = opened_store(paths.need(paths.store("samples"), "sample"))
    skeletons = opened_store(paths.need(paths.store("skeletons"), "index"))
    layout, params = LAYOUTS[catalog.layout], preset.heatmaps
    recipe = preset.crop.recipes[params.recipe]
    rule = params.rule(layout)
    people = skeletons.spec("score").row_shape[1:]
    spec = StoreSpec(_arrays(preset, rule, people), rows_per_shard=params.shard_rows, row_dim="clip")
    made_of = {"rule": in_key(rule), "store": params.store, "box": in_key(recipe.box)}
    keys = made_keys(skeletons, "joints_2d"), made_keys(samples, recipe.sampling)
    ids = sorted(keys[0].keys() & keys[1].keys()) if layout is not WHOLE_FRAME else []
    documents = {
        clip_id: HEATMAPS.document(
            params=made_of, inputs={"skeleton": keys[0][clip_id], "samples": keys[1][clip_id]}
        )
        for clip_id in ids
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


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write heatmaps.zarr: `maps` (clip, view, frame, channel, y, x) uint8, or `grid_joints` and `grid_score`."""
    summary = build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)
    drawn = f"{preset.heatmaps.store} of recipe {preset.heatmaps.recipe}"
    return replace(summary, note=summary.note or drawn)


def _arrays(preset: "Preset", rule: HeatmapRule, people: tuple[int, ...]) -> tuple[ArraySpec, ...]:
    sampling = preset.sample[preset.crop.recipes[preset.heatmaps.recipe].sampling]
    shown = (sampling.views, sampling.num_frames)
    if preset.heatmaps.store == "maps":
        shape: tuple[int, ...] = (*shown, rule.channels(people[1]), *rule.size)
        return (_padded("maps", "uint8", shape, ("view", "frame", "channel", "y", "x")),)
    names = ("view", "frame", "person", "joint")
    return (
        _padded("grid_joints", "float32", (*shown, *people, 2), (*names, "xy")),
        _padded("grid_score", "float32", (*shown, *people), names),
    )


def _padded(name: str, dtype: str, shape: tuple[int, ...], dims: tuple[str, ...]) -> ArraySpec:
    return ArraySpec(name, dtype, shape, dims, codec="zstd", padded=True)
