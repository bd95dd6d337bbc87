"""Clips as batches of network input, read from the stores, in the same way for training and for features."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.opened import opened_catalog
from pipeline.inputs.frame_input import FrameSource
from pipeline.inputs.joint_input import JointSource
from pipeline.inputs.map_input import MapSource
from pipeline.params.modalities import refuse_absent
from pipeline.paths import Paths
from pipeline.rng import rng_for
from pipeline.shown import ShownByShape
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME

if TYPE_CHECKING:
    from pipeline.params.backbones import HeatmapBackbone, SkeletonBackbone, VideoBackbone
    from pipeline.params.params import Preset

Floats = NDArray[np.float32]


class ClipInput(Protocol):
    """The dataset as input of one backbone."""

    @property
    def path(self) -> Path:
        """Folder of the store that it reads."""
        ...

    @property
    def num_views(self) -> int:
        """A: number of inputs that a clip has in testing."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip's input: (C, T, H, W) or (C, T, V, M)."""
        ...

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs (joint, parent) of the skeleton; empty for videos."""
        ...

    @property
    def normalisation(self) -> dict[str, Any]:
        """Scaling and shape of the input, which weights trained on it depend on; JSON values only."""
        ...

    def keys(self) -> dict[str, str]:
        """Cache keys of the input data by clip id, for each clip that has any."""
        ...

    def unaugmented(self, ids: Sequence[str], view: int) -> Floats:
        """Return one view of the clips `ids` without augmentation, deterministic: (B, …)."""
        ...

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return the clips `ids` augmented, each from a random view: (B, …)."""
        ...


def input_of(
    paths: Paths, preset: "Preset", params: "VideoBackbone | HeatmapBackbone | SkeletonBackbone"
) -> ClipInput:
    """Build the input that a backbone's params describe."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    layout = LAYOUTS[catalog.layout]
    refuse_absent(
        preset, catalog.dataset, has_videos=catalog.has_videos, has_skeletons=layout is not WHOLE_FRAME
    )
    if params.modality == "video":
        recipe = preset.crop.recipes[params.recipe]
        return FrameSource(paths.need(paths.store("frames"), "crop"), params, recipe, catalog.channels)
    if params.modality == "heatmaps":
        rule = preset.heatmaps.rule(layout)
        return MapSource(paths.need(paths.store("heatmaps"), "heatmaps"), layout, rule, params)
    return JointSource(paths.need(paths.store("skeletons"), "index"), layout, params)


@dataclass(frozen=True, repr=False)
class TrainingBatches(ShownByShape):
    """Shuffled, augmented batches; those of epoch e depend only on the seed and on e."""

    source: ClipInput
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    batch: int
    seed: int

    def __call__(self, epoch: int) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        """Yield (inputs, labels) of every clip once, in batches of nearly equal size, `batch` at most."""
        order = rng_for("order", self.seed, epoch).permutation(len(self.ids))
        parts = np.array_split(order, -(-len(order) // self.batch))
        for number, part in enumerate(parts):
            rng = rng_for("augment", self.seed, epoch, number)
            yield self.source.augmented([self.ids[i] for i in part], rng), self.labels[part]


def unaugmented_batches(source: ClipInput, ids: Sequence[str], batch: int, view: int = 0) -> Iterator[Floats]:
    """Yield batches of `ids` in order; the last one may be short."""
    for start in range(0, len(ids), batch):
        yield source.unaugmented(ids[start : start + batch], view)
