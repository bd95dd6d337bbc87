"""Random single frames of a crop recipe as batches of images: the training data of an enhancer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import made_keys, opened_store
from pipeline.errors import ParamError
from pipeline.rng import rng_for
from pipeline.video.jpeg_rows import unpack_frames


@dataclass(frozen=True)
class FrameDraws:
    """One random frame of every clip for each epoch; it depends only on the store, the seed and the epoch."""

    store: Path
    recipe: str
    ids: tuple[str, ...]
    batch: int
    seed: int

    def __call__(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Yield (B, 3, H, W) in [0, 1]; the last batch may be shorter."""
        rng = rng_for("frame draws", self.seed, epoch)
        order = rng.permutation(len(self.ids))
        for start in range(0, len(order), self.batch):
            chosen = [self.ids[i] for i in order[start : start + self.batch]]
            yield self._images(chosen, rng)

    def _images(self, ids: list[str], rng: np.random.Generator) -> NDArray[np.float32]:
        store = opened_store(self.store)
        pixels = unpack_frames(store.read(self.recipe, ids), store.attrs, self.recipe)
        frames = pixels.reshape(len(ids), -1, *pixels.shape[3:])
        drawn = frames[np.arange(len(ids)), rng.integers(frames.shape[1], size=len(ids))]
        return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def training_frames(store: Path, catalog: Catalog, recipe: str, *, batch: int, seed: int) -> FrameDraws:
    """Sample frames from the training clips of `recipe`; test clips are never read.

    Raises ParamError for a recipe that does not exist, is enhanced already, or has no colours.
    """
    recipes: dict[str, Any] = opened_store(store).attrs["recipes"]  # type: ignore[assignment]
    if recipe not in recipes or "enhance" in recipes[recipe]:
        dark = sorted(name for name in recipes if "enhance" not in recipes[name])
        raise ParamError(
            f"an enhancer learns from a recipe that is not enhanced: one of {dark}, got {recipe!r}"
        )
    if catalog.channels != 3:
        raise ParamError(
            f"an enhancer needs colour videos, {catalog.modality} has {catalog.channels} channel"
        )
    there = made_keys(opened_store(store), recipe)
    ids = tuple(entry.clip.clip_id for entry in catalog.usable("train") if entry.clip.clip_id in there)
    return FrameDraws(store, recipe, ids, batch, seed)
