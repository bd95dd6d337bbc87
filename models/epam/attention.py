"""Attention over space and time from pose: EPAM-Net's nested block and the one it is compared with (SPEC 3.3).

B clips, C channels, T frames, H × W places. Both give A_ST, (B, 1, T, H, W) in (0, 1), from a cut of the pose
backbone, so that either also runs on cached features.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.epam.xblocks import PlaneConv3d
from models.epam.xnets import CHANNEL_POOL, STRIDED_MAP
from models.errors import ModelParamError

AttentionKind = Literal["nested", "rival"]
"""EPAM-Net's own block, or that of its reference [38] (section 4.4.2)."""

READS: dict[AttentionKind, str] = {"nested": CHANNEL_POOL, "rival": STRIDED_MAP}
"""The cut of the pose backbone that each takes."""

RIVAL_FRAMES = 16
"""Frames of the RGB stream: the width of the rival's linear layers."""


class NestedAttention(nn.Module):
    """Eqs 2–4, 107 parameters: A_S over places, then A_T over the frames of A_S; A_ST = A_S ⊗ A_T.

    The batch norm is the official code's and not in eq. 2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = PlaneConv3d(2, 1, (1, 7, 7), padding=(0, 3, 3), bias=False)
        self.bn = nn.BatchNorm3d(1, momentum=0.01)
        self.conv_time = nn.Conv1d(1, 1, 7, padding=3, bias=False)
        for layer in (self.conv, self.conv_time):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, 2, T, H, W), maximum and mean over channels → (B, 1, T, H, W)."""
        check_input("pooled pose", pooled, ("B", "C=2", "T", "H", "W"))
        places = torch.sigmoid(self.bn(self.conv(pooled)))
        frames = torch.sigmoid(self.conv_time(places.mean(dim=(3, 4))))
        return nested(places, frames)


class RivalAttention(nn.Module):
    """The attention of the paper's reference [38] (eqs 5 and 6): 2,507 parameters over 216 channels.

    The paper's 2.87 k are those over 256 channels.
    """

    def __init__(self, channels: int = 216, num_frames: int = RIVAL_FRAMES) -> None:
        super().__init__()
        if channels < 1 or num_frames < 1:
            raise ModelParamError(
                f"channels and num_frames must be 1 or more, got {channels} and {num_frames}"
            )
        self.channels, self.num_frames = channels, num_frames
        self.compress = nn.Conv3d(channels, 1, (1, 3, 3), padding=(0, 1, 1))
        self.conv = nn.Conv3d(1, 1, (1, 7, 7), padding=(0, 3, 3))
        self.fc1 = nn.Linear(num_frames, num_frames, bias=False)
        self.fc2 = nn.Linear(num_frames, num_frames, bias=False)
        for conv in (self.compress, self.conv):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        for linear in (self.fc1, self.fc2):
            nn.init.normal_(linear.weight, std=0.01)

    def forward(self, pose: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, 1, T, H, W)."""
        check_input("pose", pose, ("B", f"C={self.channels}", f"T={self.num_frames}", "H", "W"))
        places = torch.sigmoid(self.conv(torch.relu(self.compress(pose))))
        frames = torch.sigmoid(self.fc2(torch.relu(self.fc1(places.mean(dim=(3, 4))))))
        return nested(places, frames)


def nested(places: Tensor, frames: Tensor) -> Tensor:
    """Multiply A_S (B, 1, T, H, W) and A_T (B, 1, T) into A_ST (B, 1, T, H, W)."""
    return places * frames[..., None, None]


def build_attention(
    kind: AttentionKind, *, channels: int, num_frames: int
) -> NestedAttention | RivalAttention:
    """Build a fresh block; only the rival's size depends on channels and frames."""
    return NestedAttention() if kind == "nested" else RivalAttention(channels, num_frames)


def attention_cut(kind: AttentionKind) -> str:
    """Return the cut of the pose backbone that a block takes. Raises ModelParamError for a kind that is none."""
    if kind not in READS:
        raise ModelParamError(f"attention must be nested, rival or none, got {kind!r}")
    return READS[kind]
