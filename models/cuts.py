"""The interface of a backbone: its input, and the cuts (named intermediate results) that a cache can store."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from models.errors import ModelParamError
from models.preprocessing import Preprocessing

FEATURES = "features"
"""Every backbone's first cut: (B, num_features), the input of a classifier or a fusion head."""

LOGITS = "logits"
"""The cut of a trained backbone's own classifier: (B, num_classes), its scores before softmax."""

ClassifierInit = Literal["normal_0.01", "sqrt_2_over_k"]
"""Standard deviation of a linear classifier's first weights: 0.01, or sqrt(2 / K) of K classes.

The latter is that of the official code of 2s-AGCN, CTR-GCN and their kin.
"""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place in a backbone whose values can be stored, one row a clip (SPEC 6)."""

    name: str
    dims: tuple[str, ...]
    """Axes of one clip's row, each one of: channel, frame, person, joint, y, x, class."""
    serves: str
    """The layers that can be trained on frozen values of this cut, and those that cannot."""
    dtype: Literal["float32", "float16"] = "float32"
    """Number type in which the cut is stored."""

    def num_bytes(self, shape: Sequence[int]) -> int:
        """Return the bytes of one clip's row of this shape."""
        return math.prod(shape) * (4 if self.dtype == "float32" else 2)


JOINTS = Cut(
    "joints",
    ("channel", "frame", "joint", "person"),
    "networks over joints that train beside cached cuts of others; not training's crops and turns of joints",
)
"""A skeleton network's own input, normalised and unaugmented, kept beside what it makes of it."""


class Backbone(nn.Module):
    """A network over one modality that ends in one vector a clip. Subclasses implement `at`."""

    expects: ClassVar[Preprocessing]
    """Preprocessing of its input; published weights mean nothing with another."""
    cuts: tuple[Cut, ...]
    """The cuts that `at` can give; the first is FEATURES."""
    num_features: int
    classifier_init: ClassVar[ClassifierInit] = "normal_0.01"
    """Initial weights of the linear classifier that trains it."""

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the named cuts of a batch, (B, …) each, in one pass; layers behind the last of them do not run."""
        raise NotImplementedError

    def extra_loss(self) -> Tensor | None:
        """Return the network's own loss over the last training batch, added to the classifier's; None without."""
        return None

    def forward(self, clips: Tensor) -> Tensor:
        """(B, …) → (B, num_features)."""
        return self.at(clips, (FEATURES,))[FEATURES]

    def cut(self, name: str) -> Cut:
        """Return the cut of that name. Raises ModelParamError where there is none."""
        for cut in self.cuts:
            if cut.name == name:
                return cut
        raise ModelParamError(
            f"{type(self).__name__} has no cut {name!r}; it has {[cut.name for cut in self.cuts]}"
            + (
                "; logits are of a backbone that `pretrain` trained, with its classifier"
                if name == LOGITS
                else ""
            )
        )


def cut_shapes(
    backbone: Backbone, clip_shape: Sequence[int], names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the shape of one clip's row of each named cut, for clips of `clip_shape`, without computing values."""
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
