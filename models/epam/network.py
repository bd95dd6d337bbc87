"""EPAM-Net: colour frames weighed by attention from pose, a classifier on each stream (SPEC 3.3 and 3.6).

B clips, K classes, C channels, T frames, H × W places. The head takes cuts of the two trunks, so the same
module serves the whole network and training on a cache of frozen trunks.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.epam.attention import AttentionKind, attention_cut, build_attention
from models.epam.xnets import MAP, PoseXShiftNet, RGBXShiftNet, XNet
from models.errors import ModelParamError, ShapeError
from models.head import CutHead, HeadInput, HeadOutput, Source, check_classes

Fusion = Literal["logits", "softmax"]
"""Scores that are added: the official code adds logits, the paper its "predictions" (softmax of the logits)."""

Stream = Literal["rgb", "pose"]

DROPOUT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EPAMOutput(HeadOutput):
    """Scores of B clips; `logits` (B, K) are the fused ones, for `softmax` the log of the mean probability."""

    rgb: Tensor
    """(B, K) logits of the attended RGB stream."""
    pose: Tensor
    """(B, K) logits of the pose stream."""


class EPAMHead(CutHead):
    """Attention and both classifiers on cuts of the trunks, so that a cache of frozen trunks can train them."""

    from_data = frozenset({"rgb_channels", "pose_channels", "num_frames"})

    def __init__(
        self,
        num_classes: int,
        *,
        attention: AttentionKind | Literal["none"] = "nested",
        fusion: Fusion = "logits",
        rgb_channels: int = 432,
        pose_channels: int = 216,
        num_frames: int = 16,
        dropout: float = DROPOUT,
    ) -> None:
        """Build a fresh head; `attention` of "none" fuses scores alone (Table 3, row 3).

        `num_frames` is the RGB stream's: only the rival attention's size depends on it.
        """
        super().__init__()
        _check_options(num_classes, fusion, rgb_channels, pose_channels, dropout)
        self.reads = self.inputs(attention=attention)
        self.num_classes, self.fusion = num_classes, fusion
        self.rgb_channels, self.pose_channels = rgb_channels, pose_channels
        self.attention = (
            None
            if attention == "none"
            else build_attention(attention, channels=pose_channels, num_frames=num_frames)
        )
        self.dropout = nn.Dropout(dropout)
        self.fc_rgb = _classifier(rgb_channels, num_classes)
        self.fc_pose = _classifier(pose_channels, num_classes)

    @classmethod
    def inputs(
        cls, *, attention: AttentionKind | Literal["none"] = "nested", **_: Any
    ) -> tuple[HeadInput, ...]:
        """Return both streams' features, or the RGB map, pose features, and the cut that the attention reads."""
        pose = HeadInput("pose", ("heatmaps",))
        if attention == "none":
            return (HeadInput("rgb", ("video",)), pose)
        view = HeadInput("pose", ("heatmaps",), "map", attention_cut(attention), aligned=True)
        return (HeadInput("rgb", ("video",), "map", MAP, aligned=True), pose, view)

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return both widths and the RGB stream's frames. Raises ModelParamError where frames or places misfit."""
        rgb, pose, *view = (source.shape for source in sources)
        if any(rgb[1:] != seen[1:] for seen in view):
            raise ModelParamError(
                f"the RGB map's frames and places are {rgb[1:]}, those that the attention reads of pose "
                f"{view[0][1:]}: give both networks one grid (crop size, heatmap size, frames and `frame_stride`)"
            )
        frames = {"num_frames": rgb[1]} if view else {}
        return {"rgb_channels": rgb[0], "pose_channels": pose[0], **frames}

    def forward(self, rgb: Tensor, pose: Tensor, view: Tensor | None = None) -> EPAMOutput:
        """RGB map (B, C, T, H, W), pose features (B, C), the attention's input (see `reads`) → logits.

        Half-precision cuts are accepted as a cache stores them.
        """
        check_input("pose features", pose, ("B", f"C={self.pose_channels}"))
        rgb_features = self._attended(rgb, view)
        if rgb_features.shape[0] != pose.shape[0]:
            raise ShapeError(f"rgb and pose must hold the same clips, got {len(rgb)} and {len(pose)}")
        rgb_logits = self.fc_rgb(self.dropout(rgb_features))
        pose_logits = self.fc_pose(self.dropout(pose.to(self.fc_pose.weight.dtype)))
        return EPAMOutput(fuse_scores(rgb_logits, pose_logits, self.fusion), rgb=rgb_logits, pose=pose_logits)

    def _attended(self, rgb: Tensor, view: Tensor | None) -> Tensor:
        """Mean over frames and places of f_r' = f_r + f_r ⊗ A_ST: (B, C)."""
        if (view is None) != (self.attention is None):
            raise ShapeError(
                f"this head takes {[f'{one.stream} {one.cut}' for one in self.reads]}, got {3 - (view is None)} tensors"
            )
        dtype = self.fc_rgb.weight.dtype
        if self.attention is None or view is None:
            check_input("rgb features", rgb, ("B", f"C={self.rgb_channels}"))
            return rgb.to(dtype)
        check_input("rgb map", rgb, ("B", f"C={self.rgb_channels}", "T", "H", "W"))
        if (rgb.shape[0], *rgb.shape[2:]) != (view.shape[0], *view.shape[2:]):
            raise ShapeError(
                "the rgb map and what the attention reads of pose must agree in clips, frames and places, got "
                f"{tuple(rgb.shape)} and {tuple(view.shape)}; the pose backbone's frame_stride is its frames "
                "over the RGB stream's"
            )
        weights = 1 + self.attention(view.to(dtype))
        return attended_mean(rgb.to(dtype), weights)

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return cross-entropy of the RGB stream plus that of the pose stream, means over the batch."""
        assert isinstance(output, EPAMOutput)
        smoothing = self.label_smoothing
        rgb = F.cross_entropy(output.rgb.float(), labels, label_smoothing=smoothing)
        return rgb + F.cross_entropy(output.pose.float(), labels, label_smoothing=smoothing)


def attended_mean(maps: Tensor, weights: Tensor) -> Tensor:
    """(B, C, T, H, W) and (B, 1, T, H, W) → (B, C): the mean of their product, which is never stored whole."""
    flat = maps.flatten(2)
    return torch.bmm(flat, weights.flatten(2).transpose(1, 2)).squeeze(2) / flat.shape[2]


def fuse_scores(rgb: Tensor, pose: Tensor, fusion: Fusion) -> Tensor:
    """Two (B, K) logits → (B, K): their sum, or log of the mean of their softmax."""
    if fusion == "logits":
        return rgb + pose
    return ((rgb.float().softmax(dim=1) + pose.float().softmax(dim=1)) / 2).log()


class EPAMNet(nn.Module):
    """Both trunks and the head: 2,538,717 parameters with 60 classes, the paper's 2.5 M."""

    def __init__(
        self,
        num_classes: int,
        *,
        rgb: XNet | None = None,
        pose: PoseXShiftNet | None = None,
        attention: AttentionKind | Literal["none"] = "nested",
        fusion: Fusion = "logits",
        num_frames: int = 16,
        dropout: float = DROPOUT,
        frozen_trunks: bool = False,
    ) -> None:
        """Join two trunks, fresh X-ShiftNets unless given, to a head.

        With `frozen_trunks` only the head learns and the trunks stay in eval mode: the variant that a
        cache can
        serve (SPEC 3.6).
        """
        super().__init__()
        self.rgb, self.pose = rgb or RGBXShiftNet(), pose or PoseXShiftNet()
        self.head = EPAMHead(
            num_classes,
            attention=attention,
            fusion=fusion,
            rgb_channels=self.rgb.num_features if attention == "none" else self.rgb.num_channels,
            pose_channels=self.pose.num_features,
            num_frames=num_frames,
            dropout=dropout,
        )
        self.frozen_trunks = frozen_trunks
        if frozen_trunks:
            self.rgb.requires_grad_(False)
            self.pose.requires_grad_(False)

    def train(self, mode: bool = True) -> "EPAMNet":
        """Set the mode as nn.Module does; frozen trunks stay in eval mode and keep their running statistics."""
        super().train(mode)
        if self.frozen_trunks:
            self.rgb.eval()
            self.pose.eval()
        return self

    def forward(self, clips: Tensor, heatmaps: Tensor) -> EPAMOutput:
        """Frames (B, 3, T, H, W) and heatmaps (B, 17, frame_stride · T, H', W') → both streams' logits."""
        if clips.shape[0] != heatmaps.shape[0]:
            raise ShapeError(
                f"frames and heatmaps must be of the same clips, got {len(clips)} and {len(heatmaps)}"
            )
        cuts = {"rgb": self._cuts("rgb", clips), "pose": self._cuts("pose", heatmaps)}
        output: EPAMOutput = self.head(*(cuts[one.stream][one.cut] for one in self.head.reads))
        return output

    def _cuts(self, stream: Stream, x: Tensor) -> dict[str, Tensor]:
        trunk = self.rgb if stream == "rgb" else self.pose
        return trunk.at(x, [one.cut for one in self.head.reads if one.stream == stream])

    def loss(self, output: EPAMOutput, labels: Tensor) -> Tensor:
        """Return the head's loss over the batch."""
        return self.head.loss(output, labels)


def _classifier(features: int, num_classes: int) -> nn.Linear:
    layer = nn.Linear(features, num_classes)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


def _check_options(
    num_classes: int, fusion: str, rgb_channels: int, pose_channels: int, dropout: float
) -> None:
    check_classes(num_classes)
    if fusion not in ("logits", "softmax"):
        raise ModelParamError(f"fusion must be logits or softmax, got {fusion!r}")
    if min(rgb_channels, pose_channels) < 1:
        raise ModelParamError(
            f"rgb_channels and pose_channels must be 1 or more, got {rgb_channels} and {pose_channels}"
        )
    if not 0 <= dropout < 1:
        raise ModelParamError(f"dropout must lie in [0, 1), got {dropout}")
