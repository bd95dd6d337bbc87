"""Rows of heatmaps.zarr: Gaussian pseudo-heatmaps of one recipe's frames, or the grid joints to render them from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cache import ArraySpec, StoreSpec
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.opened import opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.paths import Paths
from pipeline.rows.cut_clip import samples_and_box
from pipeline.skeleton.at_frames import joints_at
from pipeline.skeleton.heatmaps import Canvas, HeatmapRule, to_grid

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
        skeleton = read_skeleton(opened_store(self.paths.store("skeletons")), clip_id)
        samples, box = samples_and_box(self.paths, recipe, clip_id, skeleton)
        joints, score = joints_at(skeleton, samples.frames)
        cells = to_grid(joints, box, self.rule.size)
        if self.preset.heatmaps.store == "joints":
            return {"grid_joints": cells, "grid_score": score}
        maps = canvas.draw(cells.reshape(-1, *cells.shape[2:]), score.reshape(-1, *score.shape[2:]))
        return {"maps": maps.reshape(*samples.frames.shape, *maps.shape[1:])}


def heatmaps_spec(preset: "Preset", rule: HeatmapRule, people: tuple[int, int]) -> StoreSpec:
    """Arrays of heatmaps.zarr.

    `maps` (clip, view, frame, channel, y, x) uint8, or `grid_joints` (clip, view, frame, person, joint, xy) and
    `grid_score` without the last axis, float32. `people` is (M, V).
    """
    params = preset.heatmaps
    sampling = preset.sample[preset.crop.recipes[params.recipe].sampling]
    shown = (sampling.views, sampling.num_frames)
    if params.store == "maps":
        shape = (*shown, rule.channels(people[1]), *rule.size)
        arrays: tuple[ArraySpec, ...] = (
            _padded("maps", "uint8", shape, ("view", "frame", "channel", "y", "x")),
        )
    else:
        names = ("view", "frame", "person", "joint")
        arrays = (
            _padded("grid_joints", "float32", (*shown, *people, 2), (*names, "xy")),
            _padded("grid_score", "float32", (*shown, *people), names),
        )
    return StoreSpec(arrays, rows_per_shard=params.shard_rows, row_dim="clip")


def _padded(name: str, dtype: str, shape: tuple[int, ...], dims: tuple[str, ...]) -> ArraySpec:
    return ArraySpec(name, dtype, shape, dims, codec="zstd", padded=True)
