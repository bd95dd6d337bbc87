"""Reads what stages have written of one clip; what a stage has not written is left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.opened import made_keys, opened_catalog, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.look.shown_clip import Cut, Pictures
from pipeline.paths import Paths
from pipeline.report.clip_strip import frames_in_turn
from pipeline.skeleton.at_frames import joints_at
from pipeline.skeleton.heatmaps import render, to_grid
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME, Layout
from pipeline.skeleton.side_maps import by_side, channel_sides
from pipeline.values import Skeleton
from pipeline.video.boxes import box_of
from pipeline.video.jpeg_rows import unpack_frames

if TYPE_CHECKING:
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class ClipReader:
    """Reads clips of one dataset."""

    paths: Paths
    preset: "Preset"
    video: bool
    """Whether pictures of the recordings are shown: source frames and crops."""

    @property
    def catalog(self) -> Catalog:
        """All clips of the dataset, from catalog.parquet."""
        return opened_catalog(self.paths.catalog)

    @property
    def layout(self) -> Layout:
        """Joint layout of the skeletons."""
        return LAYOUTS[self.catalog.layout]

    def store(self, name: str) -> Store | None:
        """The store `name`; None where its stage has not run."""
        path = self.paths.store(name)
        return opened_store(path) if (path / "manifest.json").exists() else None

    def skeleton(self, clip_id: str) -> Skeleton:
        """The joints as `index` stored them; of a dataset without skeletons, the middle of its frames."""
        return read_skeleton(opened_store(self.paths.store("skeletons")), clip_id)

    @property
    def has_joints(self) -> bool:
        """Whether the dataset has skeletons."""
        return self.layout is not WHOLE_FRAME

    def frames(self, entry: Entry, skeleton: Skeleton) -> "partial[Iterator[tuple[int, Pictures]]] | None":
        """Return what decodes all frames of the clip; None where there are no videos, or none shall be shown."""
        if not (self.video and self.catalog.has_videos):
            return None
        every = range(entry.num_frames)
        return partial(
            frames_in_turn, self.paths, self.preset, self.catalog, entry.clip, skeleton, list(every)
        )

    def cut(self, clip_id: str) -> Cut | None:
        """Read what networks get of the clip, by the recipe of the heatmaps; None where `sample` has not run."""
        recipe = self.preset.crop.recipes.get(self.preset.pictured_recipe)
        samples = self.store("samples")
        if recipe is None or samples is None or clip_id not in made_keys(samples, recipe.sampling):
            return None
        entry, skeleton = self.catalog.by_id[clip_id], self.skeleton(clip_id)
        numbers, first = np.unique(samples.read_row(recipe.sampling, clip_id), return_index=True)
        box = box_of(recipe.box, skeleton, entry.height, entry.width)
        joints, score = joints_at(skeleton, numbers)
        known = np.where(score[..., None] > 0, to_grid(joints, box, recipe.size), np.float32(np.nan))
        return Cut(
            frame_numbers=numbers.astype(np.int32),
            size=recipe.size,
            box=(box.left, box.top, box.right, box.bottom),
            joints=known if self.has_joints else None,
            crops=self._crops(clip_id, first),
            heat=self._heat(clip_id, first),
        )

    def _crops(self, clip_id: str, places: NDArray[np.intp]) -> Pictures | None:
        store, name = self.store("frames"), self.preset.pictured_recipe
        if (
            not self.video
            or store is None
            or name not in store.arrays
            or clip_id not in made_keys(store, name)
        ):
            return None
        crops = unpack_frames(store.read(name, [clip_id]), store.attrs, name)[0]
        return np.ascontiguousarray(crops.reshape(-1, *crops.shape[2:])[places])

    def _heat(self, clip_id: str, places: NDArray[np.intp]) -> NDArray[np.float32] | None:
        store = self.store("heatmaps")
        if store is None or not self.has_joints or not self.preset.heatmaps.recipe:
            return None
        array = "maps" if "maps" in store.arrays else "grid_joints"
        if clip_id not in made_keys(store, array):
            return None
        rule = self.preset.heatmaps.rule(self.layout)
        if array == "maps":
            rows = store.read_row(array, clip_id)
            maps = rows.reshape(-1, *rows.shape[2:])[places]
        else:
            joints, score = (store.read_row(name, clip_id) for name in ("grid_joints", "grid_score"))
            joints, score = (one.reshape(-1, *one.shape[2:])[places] for one in (joints, score))
            maps = render(rule, joints, score)
        return by_side(maps, channel_sides(rule, self.layout))

    @cached_property
    def by_stage(self) -> dict[str, bool]:
        """Whether each stage behind `index` that is shown has run, by its name."""
        found = {
            stage: self.store(name) is not None
            for stage, name in {
                "sample": "samples",
                "crop": "frames",
                "heatmaps": "heatmaps",
                "features": "features",
            }.items()
        }
        return {**found, "train": (self.paths.reports / "predictions.parquet").exists()}
