"""Alternatives for the connection from the dense to the sparse path: SlowFast's three lateral connections.

B clips, β channels of the dense path, T frames of the sparse one, α times as many of the dense one. Section
2.2.2.2 of the spatiotemporal interaction network first proposes `pool_eca`, then says that it adopts `tconv`;
SPEC 4.2 says why the first is the default.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.conv3d import Conv3d

Lateral = Literal["pool_eca", "tconv", "t2c", "tsample"]
"""Maximum over α frames and channel attention; a convolution in time; time to channel; one frame of α."""


def lateral_channels(lateral: Lateral, channels: int, *, alpha: int) -> int:
    """Return how many channels join the sparse path, of a dense path with `channels`: β, 2β, αβ or β."""
    return channels * {"pool_eca": 1, "tconv": 2, "t2c": alpha, "tsample": 1}[lateral]


class TimeConv(Conv3d):
    """A convolution of kernel 5×1² and stride α in time to twice the channels (the paper's "5×1×2" read as 5×1²)."""

    def __init__(self, channels: int, *, alpha: int) -> None:
        super().__init__(
            channels, 2 * channels, (5, 1, 1), stride=(alpha, 1, 1), padding=(2, 0, 0), bias=False
        )
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")


class TimeToChannel(nn.Module):
    """Concatenates α frames as channels: channel c of frame αt + a becomes channel αc + a of frame t."""

    def __init__(self, *, alpha: int) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, dense: Tensor) -> Tensor:
        """(B, β, αT, H, W) → (B, αβ, T, H, W)."""
        b, c, t, h, w = dense.shape
        frames = dense.reshape(b, c, t // self.alpha, self.alpha, h, w).transpose(2, 3)
        return frames.reshape(b, c * self.alpha, t // self.alpha, h, w)


class TimeSample(nn.Module):
    """Takes one frame of every α: a random one in training, as the text says, the first in evaluation.

    The first is the frame that the sparse path itself takes. In training one draw holds for the batch.
    """

    def __init__(self, *, alpha: int) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, dense: Tensor) -> Tensor:
        """(B, β, αT, H, W) → (B, β, T, H, W)."""
        if not self.training:
            return dense[:, :, :: self.alpha]
        starts = torch.arange(0, dense.shape[2], self.alpha)
        drawn = starts + torch.randint(self.alpha, starts.shape)
        return dense.index_select(2, drawn.to(dense.device))
