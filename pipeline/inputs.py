"""Clips as batches of network input, read from the stores: the same for training and for features."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline import augment
from pipeline.backbone_params import SkeletonBackbone, VideoBackbone
from pipeline.crop import CropRecipe, unpack_frames
from pipeline.draws import generator_of
from pipeline.layouts import LAYOUTS, Layout
from pipeline.normalise import normalise, window
from pipeline.opening import made_keys, opened_catalog, opened_store
from pipeline.params import Preset
from pipeline.paths import Paths
from pipeline.pixels import to_float
from pipeline.skeletons import read_skeleton
from pipeline.streams import stream

Floats = NDArray[np.float32]

CLIPS_IN_MEMORY = 8192
"""Normalised skeletons kept between epochs; at T = 64 about 40 KB each."""


class ClipInput(Protocol):
    """One backbone's view of the dataset."""

    @property
    def num_views(self) -> int:
        """A: how many inputs a clip has in testing."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one clip's input: (C, T, H, W) or (C, T, V, M)."""
        ...

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(joint, parent) pairs; none of a video."""
        ...

    @property
    def normalisation(self) -> dict[str, Any]:
        """How the input is scaled and shaped: what the weights trained on it mean. JSON values only."""
        ...

    def keys(self) -> dict[str, str]:
        """Of each clip that can be fed, the cache key of what it is read from."""
        ...

    def plain(self, ids: Sequence[str], view: int) -> Floats:
        """One view of `ids`, always the same."""
        ...

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """`ids` augmented, from a random view each."""
        ...


@dataclass(frozen=True)
class FrameInput:
    """Cropped frames as (B, C, T, H, W) float32."""

    path: Path
    params: VideoBackbone
    recipe: CropRecipe
    channels: int
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def _store(self) -> Store:
        return opened_store(self.path)

    @property
    def num_views(self) -> int:
        """Views of the recipe."""
        return self._store.spec(self.params.recipe).row_shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, T, H, W)."""
        return self.channels, self._store.spec(self.params.recipe).row_shape[1], *self.recipe.size

    @property
    def normalisation(self) -> dict[str, Any]:
        """Scale of the pixels, frames and size."""
        pixels = asdict(self.params.pixels)
        per_channel = {name: list(pixels.pop(name)) for name in ("mean", "std")}
        spread = {n: v * self.channels if len(v) == 1 else v for n, v in per_channel.items()}
        fixed = {} if pixels["minmax"] == "fixed" else pixels
        return {"frames": self.shape[1], "size": self.recipe.size[0], **spread, **fixed}

    def keys(self) -> dict[str, str]:
        """The frames' keys."""
        return made_keys(self._store, self.params.recipe)

    def plain(self, ids: Sequence[str], view: int) -> Floats:
        """Frames as they are."""
        return to_float(self._pixels(ids)[:, view], self.params.pixels)

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Frames of a random view, augmented; one draw a clip, the same for all its frames."""
        pixels = self._pixels(ids)
        views = rng.integers(self.num_views, size=len(ids))
        chosen = pixels[np.arange(len(ids)), views]
        return to_float(augment.videos(chosen, self.params.augment, rng), self.params.pixels)

    def _pixels(self, ids: Sequence[str]) -> NDArray[np.uint8]:
        """(B, A, T, H, W, C)"""
        name = self.params.recipe
        return unpack_frames(self._store.read(name, list(ids)), self._store.attrs, name)


@dataclass(frozen=True)
class JointInput:
    """Skeletons as (B, 3, T, V, M) float32."""

    path: Path
    layout: Layout
    params: SkeletonBackbone
    num_views: int = 1
    _bases: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(3, T, V, M)."""
        return 3, self.params.input.num_frames, self.layout.num_joints, self.params.input.max_persons

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The layout's bones."""
        return self.layout.bones

    @property
    def normalisation(self) -> dict[str, Any]:
        """How joints are moved, turned and cut to length, and which stream of them is fed."""
        return {"stream": self.params.stream, "layout": self.layout.name, **asdict(self.params.input)}

    def keys(self) -> dict[str, str]:
        """The skeletons' keys."""
        return made_keys(opened_store(self.path), "joints_3d")

    def plain(self, ids: Sequence[str], view: int) -> Floats:  # noqa: ARG002
        """Skeletons as they are, cut or filled to T frames."""
        return self._stream(
            np.stack([window(self._normalised(clip_id), self.params.input) for clip_id in ids])
        )

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Skeletons augmented."""
        bases = [self._remembered(clip_id) for clip_id in ids]
        return self._stream(
            augment.skeletons(bases, self.layout, self.params.augment, self.params.input, rng)
        )

    def _stream(self, joints: Floats) -> Floats:
        return stream(self.params.stream, joints, self.layout)

    def _normalised(self, clip_id: str) -> Floats:
        return normalise(read_skeleton(opened_store(self.path), clip_id), self.layout, self.params.input)

    def _remembered(self, clip_id: str) -> Floats:
        """Training comes back to a clip in every epoch; features see it once, and must not gather them all."""
        if clip_id not in self._bases:
            if len(self._bases) >= CLIPS_IN_MEMORY:
                self._bases.clear()
            self._bases[clip_id] = self._normalised(clip_id)
        return self._bases[clip_id]


def input_of(paths: Paths, preset: Preset, params: VideoBackbone | SkeletonBackbone) -> ClipInput:
    """The input that a backbone's params describe."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    if params.modality == "video":
        recipe = preset.crop.recipes[params.recipe]
        return FrameInput(paths.need(paths.store("frames"), "crop"), params, recipe, catalog.channels)
    return JointInput(paths.need(paths.store("skeletons"), "index"), LAYOUTS[catalog.layout], params)


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled, augmented batches; what epoch e holds depends on the seed and on e alone."""

    source: ClipInput
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    batch: int
    seed: int

    def __call__(self, epoch: int) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        """Yield (inputs, labels) of every clip once, in batches of nearly equal size, `batch` at most."""
        order = generator_of("order", self.seed, epoch).permutation(len(self.ids))
        parts = np.array_split(order, -(-len(order) // self.batch))
        for number, part in enumerate(parts):
            rng = generator_of("augment", self.seed, epoch, number)
            yield self.source.augmented([self.ids[i] for i in part], rng), self.labels[part]


def plain_batches(source: ClipInput, ids: Sequence[str], batch: int, view: int = 0) -> Iterator[Floats]:
    """Batches of `ids` in order; the last one may be short."""
    for start in range(0, len(ids), batch):
        yield source.plain(ids[start : start + batch], view)
