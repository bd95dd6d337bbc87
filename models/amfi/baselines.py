"""The simple fusions that AMFI-Net is compared with (its Tables 3 and 4; SPEC 2.6).

Each is one linear layer on the mean, product, maximum or concatenation of the two vectors, or on one of them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.errors import ModelParamError
from models.head import Head, HeadInput, HeadOutput, UnequalDims

PlainKind = Literal["average", "multiplication", "max", "concatenation", "skeleton", "video"]

Combine = Callable[[Tensor, Tensor], Tensor]

_COMBINE: dict[PlainKind, Combine] = {
    "average": lambda skeleton, video: (skeleton + video) / 2,
    "multiplication": torch.mul,
    "max": torch.maximum,
    "concatenation": lambda skeleton, video: torch.cat([skeleton, video], dim=1),
    "skeleton": lambda skeleton, _video: skeleton,
    "video": lambda _skeleton, video: video,
}


class PlainFusion(Head):
    """A fusion without parameters of its own, then one linear layer; trained with cross-entropy alone.

    Mean, product and maximum need both modalities of one size; concatenation does not.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        kind: PlainKind,
        skeleton_dim: int = 512,
        video_dim: int = 512,
        unequal: UnequalDims = "refuse",
    ) -> None:
        if kind not in _COMBINE:
            raise ModelParamError(f"kind must be one of {sorted(_COMBINE)}, got {kind!r}")
        self.kind: PlainKind = kind
        super().__init__(num_classes, skeleton_dim=skeleton_dim, video_dim=video_dim, unequal=unequal)
        ends = {"concatenation": skeleton_dim + video_dim, "skeleton": skeleton_dim, "video": video_dim}
        self.fc = nn.Linear(ends.get(kind, self.dim), num_classes)

    @classmethod
    def inputs(cls, *, kind: str = "", **options: Any) -> tuple[HeadInput, ...]:
        """Return the two vectors; of `skeleton` and `video` the other one need not be there."""
        both = super().inputs(**options)
        return tuple(
            replace(one, needed=kind not in ("skeleton", "video") or one.stream == kind) for one in both
        )

    def _project(self, unequal: UnequalDims) -> None:
        if self.kind in ("average", "multiplication", "max"):
            super()._project(unequal)

    def fuse(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, dim) skeleton and (B, dim) video features → logits (B, K), no gate."""
        return HeadOutput(self.fc(_COMBINE[self.kind](skeleton, video)))


average = partial(PlainFusion, kind="average")
multiplication = partial(PlainFusion, kind="multiplication")
maximum = partial(PlainFusion, kind="max")
concatenation = partial(PlainFusion, kind="concatenation")
skeleton = partial(PlainFusion, kind="skeleton")
video = partial(PlainFusion, kind="video")
