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
        """Number of views of the crop recipe."""
        return self._store.spec(self.params.recipe).row_shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, T, H, W)."""
        return self.channels, self._store.spec(self.params.recipe).row_shape[1], *self.recipe.size

    @property
    def normalisation(self) -> dict[str, Any]:
        """Pixel scale, frames and size."""
        pixels = in_key(self.params.pixels)
        per_channel = {name: list(pixels.pop(name)) for name in ("mean", "std")}
        spread = {n: v * self.channels if len(v) == 1 else v for n, v in per_channel.items()}
        if pixels["minmax"] == "fixed":
            del pixels["minmax"]
        return {"frames": self.shape[1], "size": self.recipe.size[0], **spread, **pixels}

    def keys(self) -> dict[str, str]:
        """Cache keys of the frames, by clip id."""
        return made_keys(self._store, self.params.recipe)

    def unaugmented(self, ids: Sequence[str], view: int) -> Floats:
        """Return the frames of one view without augmentation: (B, C, T, H, W)."""
        return to_float(self._pixels(ids)[:, view], self.params.pixels)

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return augmented frames of a random view: (B, C, T, H, W); a clip's frames share their random numbers."""
        pixels = self._pixels(ids)
        views = rng.integers(self.num_views, size=len(ids))
        chosen = pixels[np.arange(len(ids)), views]
        return to_float(augment.videos(chosen, self.params.augment, rng), self.params.pixels)

    def _pixels(self, ids: Sequence[str]) -> NDArray[np.uint8]:
        """(B, A, T, H, W, C)"""
        name = self.params.recipe
        return unpack_frames(self._store.read(name, list(ids)), self._store.attrs, name)
