"""What a backbone promises: what it is fed, and where it can be cut so that a cache can hold its values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from models.errors import ModelParamError
from models.preprocessing import Preprocessing

FEATURES = "features"
"""Every backbone's first cut: (B, num_features), what a classifier or a fusion head stands on."""

ClassifierInit = Literal["normal_0.01", "sqrt_2_over_k"]
"""Standard deviation of a linear classifier's first weights: 0.01, or sqrt(2 / K) of K classes, which the official
code of 2s-AGCN, CTR-GCN and their kin has."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place in a backbone whose values can be kept, one row a clip (SPEC 6)."""

    name: str
    dims: tuple[str, ...]
    """Axes of one clip's row, of: channel, frame, person, joint, y, x."""
    serves: str
    """What can be trained on frozen values of this cut, and what cannot."""
    dtype: Literal["float32", "float16"] = "float32"
    """As stored."""

    def num_bytes(self, shape: Sequence[int]) -> int:
        """Of one clip whose row has this shape."""
        return math.prod(shape) * (4 if self.dtype == "float32" else 2)


class Backbone(nn.Module):
    """A network over one modality that ends in a vector a clip. Subclasses fill in `at`."""

    expects: ClassVar[Preprocessing]
    """How its input must be made; the published weights mean nothing otherwise."""
    cuts: tuple[Cut, ...]
    """The first is FEATURES."""
    num_features: int
    classifier_init: ClassVar[ClassifierInit] = "normal_0.01"
    """How the linear layer that trains it begins."""

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The named cuts of a batch, (B, …) each, in one pass; nothing behind the last of them is computed."""
        raise NotImplementedError

    def extra_loss(self) -> Tensor | None:
        """A loss of its own over the batch of the last training pass, to be added to the classifier's."""
        return None

    def forward(self, clips: Tensor) -> Tensor:
        """(B, …) → (B, num_features)."""
        return self.at(clips, (FEATURES,))[FEATURES]

    def cut(self, name: str) -> Cut:
        """The cut of that name. Raises ModelParamError where there is none."""
        for cut in self.cuts:
            if cut.name == name:
                return cut
        raise ModelParamError(
            f"{type(self).__name__} has no cut {name!r}; it has {[cut.name for cut in self.cuts]}"
        )


def cut_shapes(
    backbone: Backbone, clip_shape: Sequence[int], names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Of each named cut, one clip's row shape for clips of `clip_shape`; computes no value."""
    training = backbone.training
    meta = _on_meta(backbone)
    try:
        with torch.inference_mode():
            found = meta.eval().at(torch.empty(1, *clip_shape, device="meta"), tuple(names))
    finally:
        backbone.train(training)
    return {name: tuple(values.shape[1:]) for name, values in found.items()}


def _on_meta(backbone: Backbone) -> Backbone:
    """A copy without values."""
    from copy import deepcopy

    if all(p.device.type == "meta" for p in backbone.parameters()):
        return backbone
    return deepcopy(backbone).to("meta")
