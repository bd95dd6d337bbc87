"""Normalised skeletons as batches of network input."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.opened import made_keys, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.keys.keyed import in_key
from pipeline.skeleton import augment
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.normalise import normalise, window
from pipeline.skeleton.streams import stream

if TYPE_CHECKING:
    from pipeline.params.backbones import SkeletonBackbone

Floats = NDArray[np.float32]

CLIPS_IN_MEMORY = 8192
"""Number of normalised skeletons cached between epochs; at T = 64 about 40 KB each."""


@dataclass(frozen=True)
class JointSource:
    """Skeletons as (B, 3, T, V, M) float32."""

    path: Path
    layout: Layout
    params: "SkeletonBackbone"
    num_views: int = 1
    _bases: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip, (3, T, V, M)."""
        return 3, self.params.input.num_frames, self.layout.num_joints, self.params.input.max_persons

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The layout's bones as (joint, parent) pairs."""
        return self.layout.bones

    @property
    def normalisation(self) -> dict[str, Any]:
        """Centring, rotation, length and stream of the joints."""
        return {"stream": self.params.stream, "layout": self.layout.name, **in_key(self.params.input)}

    def keys(self) -> dict[str, str]:
        """Cache keys of the skeletons, by clip id."""
        return made_keys(opened_store(self.path), "joints_3d")

    def unaugmented(self, ids: Sequence[str], view: int) -> Floats:  # noqa: ARG002
        """Return the skeletons cropped or padded to T frames, without augmentation: (B, 3, T, V, M)."""
        return self._stream(
            np.stack([window(self._normalised(clip_id), self.params.input) for clip_id in ids])
        )

    def augmented(self, ids: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return augmented skeletons: (B, 3, T, V, M)."""
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
