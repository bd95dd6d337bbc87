"""CSSIModel: skeleton and RGB fused segment by segment, reasoned over as a T × d matrix (SPEC 1).

B clips, T segments, d = 256 numbers a segment.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.cssi.pvrm import PVRM, MatrixHead
from models.cssi.resnet import CORRECTED_WIDTH, CUTS, FRAMES, SEGMENTS, corrected
from models.cuts import Backbone, Cut
from models.errors import ModelParamError, ShapeError
from models.preprocessing import VideoInput
from models.training.published_weights import IMAGENET_INPUT

MATRIX = Cut(
    "matrix",
    ("frame", "channel"),
    "PVRM, LSTM and 3-D CNN heads behind a frozen fusion; not the fusion, DINet-R or ResNet, nor fresh segments",
    dtype="float16",
)
"""Cut of the whole CSSIModel: F of eq. (1), one (T, d) matrix a clip."""

HIDDEN = 512


class SegmentFusion(nn.Module):
    """Fusion f_t = MLP([f_t^skel ; f_t^rgb]) (eq. 1, Fig. 1): batch norm, linear, ReLU, linear. 658,176 parameters."""

    def __init__(self, in_features: int = 1024, dim: int = 256) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_features)
        self.mlp = nn.Sequential(
            nn.Linear(in_features, HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, dim)
        )

    def forward(self, segments: Tensor) -> Tensor:
        """(B, T, in_features) → (B, T, d); statistics are over all segments of all clips."""
        flat = segments.flatten(0, 1).to(self.norm.weight.dtype)  # cached segments are float16
        fused: Tensor = self.mlp(self.norm(flat))
        return fused.view(*segments.shape[:2], -1)


class CachedFrames(Backbone):
    """Replaces a frozen FrameResNet whose cut `frames` is cached: (B, T, width) → the cuts that follow it."""

    expects: ClassVar[VideoInput] = IMAGENET_INPUT
    cuts = CUTS

    def __init__(self, width: int = 512, *, corrected_fc: bool = False) -> None:
        """Take the options of the FrameResNet that made the features; `width` is that of its network's vectors."""
        super().__init__()
        if width < 1:
            raise ModelParamError(f"width must be 1 or more, got {width}")
        self.width = width
        self.corrected_fc = nn.Linear(width, CORRECTED_WIDTH) if corrected_fc else None
        self.num_features = CORRECTED_WIDTH if corrected_fc else width

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the cuts of FrameResNet.at, computed from cached `frames` (B, T, width) of any float type."""
        wanted = [self.cut(name).name for name in names]
        check_input("frames", clips, ("B", ("T", 1), f"channels={self.width}"))
        frames = clips if self.corrected_fc is None else clips.to(self.corrected_fc.weight.dtype)
        found = {FRAMES: frames, **corrected(frames, self.corrected_fc)}
        return {name: found[name] for name in wanted}


class CSSIModel(nn.Module):
    """One input for each stream, skeleton first → (B, num_classes) logits.

    Both streams make CSSIModel; one alone makes the rows of Tables 4 and 5:

        CSSIModel(60, skeleton=DINetR(edges, 25), video=FrameResNet())(joints, frames)
        CSSIModel(60, skeleton=DINetR(edges, 25), head=LSTMHead)(joints)

    A stream is a backbone with the cut `segments`, all of one T: FrameResNet, CachedFrames, DINetR.
    """

    cuts: ClassVar[tuple[Cut, ...]] = (MATRIX,)

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton: Backbone | None = None,
        video: Backbone | None = None,
        head: Callable[[int, int], MatrixHead] = PVRM,
        dim: int = 256,
    ) -> None:
        """Join the streams to a head: PVRM, LSTMHead, Conv3dHead, or a callable of num_classes and dim."""
        super().__init__()
        streams = {"skeleton": skeleton, "video": video}
        self.streams = nn.ModuleDict({name: stream for name, stream in streams.items() if stream is not None})
        if not self.streams:
            raise ModelParamError(
                "CSSIModel needs a skeleton backbone, a video backbone, or both, got neither"
            )
        self.fusion = SegmentFusion(sum(stream.num_features for stream in self._backbones()), dim)
        self.head = head(num_classes, dim)

    def matrix(self, *clips: Tensor) -> Tensor:
        """Return the fused matrix (B, T, d) of eq. (1): the cut that heads can be trained on alone."""
        if len(clips) != len(self.streams):
            raise ShapeError(f"needs one input for each of {list(self.streams)}, got {len(clips)}")
        found = [b.at(x, (SEGMENTS,))[SEGMENTS] for b, x in zip(self._backbones(), clips, strict=True)]
        if any(segments.shape[:2] != found[0].shape[:2] for segments in found):
            raise ShapeError(
                f"{list(self.streams)} must show the same clips and segments, got (B, T) of "
                f"{[tuple(segments.shape[:2]) for segments in found]}"
            )
        matrix: Tensor = self.fusion(torch.cat(found, dim=2))
        return matrix

    def forward(self, *clips: Tensor) -> Tensor:
        """Inputs of the streams, skeleton first → (B, num_classes) logits."""
        logits: Tensor = self.head(self.matrix(*clips))
        return logits

    def _backbones(self) -> list[Backbone]:
        return [stream for stream in self.streams.values() if isinstance(stream, Backbone)]
