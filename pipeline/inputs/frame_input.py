"""Cropped frames as batches of network input."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.catalog.opened import made_keys, opened_store
from pipeline.keys.keyed import in_key
from pipeline.video import augment
from pipeline.video.jpeg_rows import unpack_frames
from pipeline.video.pixels import to_float

if TYPE_CHECKING:
    from pipeline.params.backbones import VideoBackbone
    from pipeline.video.crop_recipe import CropRecipe

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FrameSource:
    """Cropped frames as (B, C, T, H, W) float32."""

    path: Path
    params: "VideoBackbone"
    recipe: "CropRecipe"
    channels: int
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def _store(self) -> Store:
        return opened_store(self.path)

    @property
    def num_views(self) -> int:
        """Number of views: those of the crop recipe, each mirrored too and in all phases where params say so."""
        return int(self._store.spec(self.params.recipe).row_shape[0]) * self._derived

    @property
    def _derived(self) -> int:
        """Number of views that are made of each one of the recipe's."""
        return (1 + self.params.flips) * self.params.phases**2

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, T, H, W)."""
        frames = self._store.spec(self.params.recipe).row_shape[1]
        return self.channels, frames, *self.params.seen_size(self.recipe.size)

    @property
    def normalisation(self) -> dict[str, Any]:
        """Pixel scale, frames and size."""
        pixels = in_key(self.params.pixels)
        per_channel = {name: list(pixels.pop(name)) for name in ("mean", "std")}
        spread = {n: v * self.channels if len(v) == 1 else v for n, v in per_channel.items()}
        if pixels["minmax"] == "fixed":
            del pixels["minmax"]
        return {"frames": self.shape[1], "size": self.shape[2], **spread, **pixels}

    def keys(self) -> dict[str, str]:
        """Cache keys of the frames, by clip id."""
        return made_keys(self._store, self.params.recipe)

    def unaugmented(self, ids: Sequence[str], view: int) -> Floats:
        """Return the frames of one view without augmentation: (B, C, T, H, W).

        Of each of the recipe's views all phases follow each other, then all phases of the mirrored view.
        """
        phases = self.params.phases
        of_recipe, derived = divmod(view, self._derived)
        mirrored, phase = divmod(derived, phases**2)
        pixels = self._pixels(ids)[:, of_recipe]
        seen = pixels[..., ::-1, :] if mirrored else pixels
        return to_float(sub_images(seen, np.full(len(ids), phase), phases), self.params.pixels)

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return augmented frames of a random view: (B, C, T, H, W); a clip's frames share their random numbers."""
        pixels, phases = self._pixels(ids), self.params.phases
        views = rng.integers(pixels.shape[1], size=len(ids))
        chosen = augment.videos(pixels[np.arange(len(ids)), views], self.params.augment, rng)
        if phases > 1:
            chosen = sub_images(chosen, rng.integers(phases**2, size=len(ids)), phases)
        return to_float(chosen, self.params.pixels)

    def _pixels(self, ids: Sequence[str]) -> NDArray[np.uint8]:
        """(B, A, T, H, W, C)"""
        name = self.params.recipe
        return unpack_frames(self._store.read(name, list(ids)), self._store.attrs, name)


def sub_images(clips: NDArray[np.uint8], phase: NDArray[np.int64], step: int) -> NDArray[np.uint8]:
    """Take one sub-image of each clip: (B, T, H, W, C) → (B, T, H // s, W // s, C), s being `step` (SPEC 1.2).

    `phase` is (B,), each below s²: sub-image i · s + j is every s-th pixel from row i and column j on. Rows and columns
    beyond a multiple of s are left out.
    """
    if step == 1:
        return clips
    height, width = (side // step * step for side in clips.shape[2:4])
    found = [
        clip[:, p // step : height : step, p % step : width : step]
        for clip, p in zip(clips, phase, strict=True)
    ]
    return np.stack(found)
