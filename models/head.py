"""The interface of a fusion head: two feature vectors in, logits out, its own loss; and how one is found by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.errors import ModelParamError, ShapeError
from models.lookup import found_by_name
from models.names import HEADS
from models.shown import ShownByShape

UnequalDims = Literal["refuse", "project"]
"""Treatment of modalities whose features differ in size: an error, or a learned linear map of each to `dim`."""


@dataclass(frozen=True, slots=True, repr=False)
class HeadOutput(ShownByShape):
    """Output of a head for B clips and K classes."""

    logits: Tensor
    """(B, K) scores before softmax."""
    gate: Tensor | None = None
    """(B, dim) in (0, 1): weight of the decision modality (eq. 18); None where the head has no gate."""


class Head(nn.Module):
    """(B, skeleton_dim) and (B, video_dim) features → HeadOutput. Subclasses implement `fuse`."""

    label_smoothing: float = 0.0
    """Of the cross-entropy in `loss`; set by whoever trains the head, from its plan."""

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton_dim: int = 512,
        video_dim: int = 512,
        unequal: UnequalDims = "refuse",
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ModelParamError(f"num_classes must be 2 or more, got {num_classes}")
        if min(skeleton_dim, video_dim) < 1:
            raise ModelParamError(
                f"skeleton_dim and video_dim must be 1 or more, got {skeleton_dim}, {video_dim}"
            )
        self.num_classes, self.skeleton_dim, self.video_dim = num_classes, skeleton_dim, video_dim
        self.dim = max(skeleton_dim, video_dim)
        self.project_skeleton: nn.Module = nn.Identity()
        self.project_video: nn.Module = nn.Identity()
        if skeleton_dim != video_dim:
            self._project(unequal)

    def _project(self, unequal: UnequalDims) -> None:
        if unequal == "refuse":
            raise ModelParamError(
                f"this head needs both modalities of one size, got skeleton {self.skeleton_dim} and video "
                f"{self.video_dim}; give the backbones equal widths, or set unequal to 'project'"
            )
        self.project_skeleton = nn.Linear(self.skeleton_dim, self.dim)
        self.project_video = nn.Linear(self.video_dim, self.dim)

    def forward(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, skeleton_dim) and (B, video_dim) → logits (B, K), and the gate where there is one. Raises ShapeError."""
        check_input("skeleton features", skeleton, ("B", f"D={self.skeleton_dim}"))
        check_input("video features", video, ("B", f"D={self.video_dim}"))
        if skeleton.shape[0] != video.shape[0]:
            raise ShapeError(
                f"skeleton and video must hold the same clips, got {len(skeleton)} and {len(video)}"
            )
        return self.fuse(self.project_skeleton(skeleton), self.project_video(video))

    def fuse(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, dim) skeleton and (B, dim) video features → HeadOutput."""
        raise NotImplementedError

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy over the batch; a head with a gate adds its own term."""
        return F.cross_entropy(output.logits.float(), labels, label_smoothing=self.label_smoothing)


def build_head(kind: str, num_classes: int, **options: Any) -> Head:
    """Build a fresh head; `options` are its class's own, among them skeleton_dim and video_dim."""
    return head_class(kind)(num_classes, **options)


def head_class(kind: object) -> Callable[..., Head]:
    """Return what makes the head named `kind`: called with num_classes and its options. Raises ModelParamError."""
    found: Callable[..., Head] = found_by_name(kind, HEADS, "head")
    made = found.func if isinstance(found, partial) else found
    if not (isinstance(made, type) and issubclass(made, Head)):
        raise ModelParamError(f"head {kind!r} must be a subclass of models.head.Head")
    return found
