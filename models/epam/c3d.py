"""C3D on heatmaps, as PoseC3D's light one: the rival of EPAM-Net's Table 6 (Duan et al., CVPR 2022).

B clips, C channels, T frames, H × W places. Layers are named as in PYSKL, whose weights therefore load.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.conv3d import Conv3d
from models.cuts import Backbone
from models.epam.slowonly import CUTS, MAP
from models.errors import ModelParamError
from models.preprocessing import HeatmapInput

MIN_SIZE = 8
"""Least H and W in cells: the network halves them three times."""


class PoseC3D(Backbone):
    """(B, 17, 48, 56, 56) → (B, 256): six convolutions of 3×3×3 that keep T, H and W halved three times."""

    expects: ClassVar[HeatmapInput] = HeatmapInput()
    cuts = CUTS

    def __init__(self, in_channels: int = 17, *, width: int = 32) -> None:
        super().__init__()
        if min(in_channels, width) < 1:
            raise ModelParamError(f"in_channels and width must be 1 or more, got {in_channels} and {width}")
        self.in_channels, self.num_features = in_channels, 8 * width
        self.conv1a = _Unit(in_channels, width)
        self.conv2a = _Unit(width, 2 * width)
        self.conv3a, self.conv3b = _Unit(2 * width, 4 * width), _Unit(4 * width, 4 * width)
        self.conv4a, self.conv4b = _Unit(4 * width, 8 * width), _Unit(8 * width, 8 * width)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `map` (B, 8 · width, T, H / 8, W / 8) and `features` (B, 8 · width), its mean."""
        pixels = (("H", MIN_SIZE), ("W", MIN_SIZE))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", 1), *pixels))
        wanted = [self.cut(name).name for name in names]
        x = self.conv1a(clips.contiguous(memory_format=torch.channels_last_3d))
        x = self.conv2a(_halved(x))
        x = self.conv3b(self.conv3a(_halved(x)))
        x = self.conv4b(self.conv4a(_halved(x)))
        return {name: x if name == MAP else x.float().mean(dim=(2, 3, 4)) for name in wanted}


def _halved(x: Tensor) -> Tensor:
    """(B, C, T, H, W) → (B, C, T, H / 2, W / 2): means of four places."""
    return F.avg_pool3d(x, (1, 2, 2))


class _Unit(nn.Module):
    """Convolution of 3×3×3 that keeps all lengths, batch norm, ReLU."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        self.conv = Conv3d(in_width, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.bn = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)
