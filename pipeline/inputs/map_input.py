"""Gaussian pseudo-heatmaps as batches of network input: read from the store, or rendered from its joints."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.catalog.opened import made_keys, opened_store
from pipeline.keys.keyed import in_key
from pipeline.skeleton.heatmaps import HeatmapRule, flip_heatmaps, flip_order, render
from pipeline.skeleton.layouts import Layout

if TYPE_CHECKING:
    from pipeline.params.backbones import HeatmapBackbone

Floats = NDArray[np.float32]
Maps = NDArray[np.uint8]

DRAWN = "maps"
"""The store's array of rendered maps; without it, maps are rendered from `grid_joints` and `grid_score`."""


@dataclass(frozen=True)
class MapSource:
    """Heatmaps as (B, K, T, H, W) float32 in [0, 1]."""

    path: Path
    layout: Layout
    rule: HeatmapRule
    """Rendering rule with uint8 maps, so that maps rendered on the fly equal stored ones."""
    params: "HeatmapBackbone"
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def num_views(self) -> int:
        """Number of views: those of the heatmaps' recipe, each mirrored too where params say so."""
        return int(self._store.spec(self._array).row_shape[0]) * (1 + self.params.flips)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip, (K, T, H, W)."""
        frames = self._store.spec(self._array).row_shape[1]
        return self.rule.channels(self.layout.num_joints), frames, *self.rule.size

    @property
    def normalisation(self) -> dict[str, Any]:
        """Rendering rule and joint layout of the maps."""
        return {"layout": self.layout.name, "frames": self.shape[1], **in_key(self.rule)}

    def keys(self) -> dict[str, str]:
        """Cache keys of the maps or joints, by clip id."""
        return made_keys(self._store, self._array)

    def unaugmented(self, ids: Sequence[str], view: int) -> Floats:
        """Return the maps of one view without augmentation: (B, K, T, H, W); each view is followed by its mirror."""
        of_recipe, mirrored = divmod(view, 1 + self.params.flips)
        maps = np.stack([self._maps(clip_id, of_recipe) for clip_id in ids])
        return _to_float(flip_heatmaps(maps, self._flip_order) if mirrored else maps)

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return maps of a random view, mirrored at random: (B, K, T, H, W)."""
        views = rng.integers(self._store.spec(self._array).row_shape[0], size=len(ids))
        maps = np.stack([self._maps(clip_id, int(view)) for clip_id, view in zip(ids, views, strict=True)])
        mirrored = rng.random(len(ids)) < self.params.flip_chance
        if mirrored.any():
            maps[mirrored] = flip_heatmaps(maps[mirrored], self._flip_order)
        return _to_float(maps)

    @cached_property
    def _flip_order(self) -> tuple[int, ...]:
        rule = self.rule
        return flip_order(
            self.layout, with_joints=rule.with_joints, limbs=rule.bones if rule.with_limbs else ()
        )

    @property
    def _store(self) -> Store:
        return opened_store(self.path)

    @property
    def _array(self) -> str:
        return DRAWN if DRAWN in self._store.arrays else "grid_joints"

    def _maps(self, clip_id: str, view: int) -> Maps:
        """(T, K, H, W) of one clip and view."""
        if self._array == DRAWN:
            return self._part(DRAWN, clip_id, view)
        joints, score = (self._part(name, clip_id, view) for name in ("grid_joints", "grid_score"))
        return render(self.rule, joints, score)

    def _part(self, array: str, clip_id: str, view: int) -> NDArray[Any]:
        return np.asarray(self._store.read_row(array, clip_id, view, view + 1)[0])


def _to_float(maps: Maps) -> Floats:
    """(B, T, K, H, W) uint8 → (B, K, T, H, W) float32 in [0, 1]."""
    return np.multiply(maps.swapaxes(1, 2), np.float32(1 / 255), dtype=np.float32)
