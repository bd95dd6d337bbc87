"""R3D-18: residual 3-D convolutions on short clips (Hara et al. 2018; SPEC 2.2).

B clips, C channels, T frames, H × W pixels. Tensor names are torchvision's, so that its `r3d_18` weights
fit where the stem is torchvision's too.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.conv3d import Conv3d
from models.cuts import FEATURES, Backbone, Cut
from models.errors import ModelParamError
from models.preprocessing import VideoInput

Stem = Literal["7x7x7", "3x7x7"]
"""Kernel of the first convolution, T × H × W: Hara's 7×7×7, or torchvision's 3×7×7."""

MIN_SIZE = 32
"""Least H and W in pixels: below, the last stage is left with nothing to convolve."""

_STEM_KERNELS: dict[Stem, tuple[int, int, int]] = {"7x7x7": (7, 7, 7), "3x7x7": (3, 7, 7)}


CUTS = (
    Cut(FEATURES, ("channel",), "every fusion head of AMFI-Net (SPEC 2.7); not the trunk itself"),
    Cut("map", ("channel", "frame", "y", "x"), "heads that weigh places and moments", dtype="float16"),
)


class R3D18(Backbone):
    """(B, C, T, H, W) float32 → (B, 8 · width) features: the mean over time and space of the last stage."""

    expects: ClassVar[VideoInput] = VideoInput()
    cuts = CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        width: int = 64,
        stem: Stem = "7x7x7",
        stem_stride: tuple[int, int, int] = (2, 2, 2),
        maxpool: bool = True,
    ) -> None:
        """Build a fresh network; the defaults are SPEC 2.2's reading of AMFI-Net.

        torchvision's own values are TORCHVISION_OPTIONS of `models.training.published_weights`.
        """
        super().__init__()
        if in_channels < 1 or width < 1:
            raise ModelParamError(f"in_channels and width must be 1 or more, got {in_channels} and {width}")
        if stem not in _STEM_KERNELS:
            raise ModelParamError(f"stem must be one of {sorted(_STEM_KERNELS)}, got {stem!r}")
        self.in_channels, self.num_features = in_channels, 8 * width
        self.stem = _stem(in_channels, width, _STEM_KERNELS[stem], stem_stride, maxpool)
        self.layer1 = nn.Sequential(_Block(width, width, 1), _Block(width, width, 1))
        self.layer2 = nn.Sequential(_Block(width, 2 * width, 2), _Block(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(_Block(2 * width, 4 * width, 2), _Block(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(_Block(4 * width, 8 * width, 2), _Block(8 * width, 8 * width, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last_3d)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `features` (B, 8 · width) and `map` (B, 8 · width, T', H', W'), whose mean they are."""
        pixels = (("H", MIN_SIZE), ("W", MIN_SIZE))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", 1), *pixels))
        x = self.stem(clips.contiguous(memory_format=torch.channels_last_3d))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        found = {"map": x, FEATURES: x.float().mean(dim=(2, 3, 4))}
        return {name: found[self.cut(name).name] for name in names}


def _stem(
    in_channels: int, width: int, kernel: tuple[int, int, int], stride: tuple[int, int, int], maxpool: bool
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    layers: list[nn.Module] = [
        Conv3d(in_channels, width, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    ]
    if maxpool:
        layers.append(nn.MaxPool3d(3, stride=2, padding=1))
    return nn.Sequential(*layers)


def _conv(in_width: int, width: int, stride: int) -> Conv3d:
    return Conv3d(in_width, width, 3, stride=stride, padding=1, bias=False)


class _Block(nn.Module):
    """Two 3×3×3 convolutions and the residual (SPEC 2.2, eq. 5)."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            _conv(in_width, width, stride), nn.BatchNorm3d(width), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(_conv(width, width, 1), nn.BatchNorm3d(width))
        self.downsample: nn.Module | None = None
        if stride != 1 or in_width != width:
            projection = Conv3d(in_width, width, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm3d(width))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv2(self.conv1(x)).add_(shortcut), inplace=True)
