"""SlowOnly, a 3-D ResNet that looks along time in its late stages alone, on frames and (PoseC3D) on heatmaps.

The rivals of EPAM-Net's Tables 5 and 6 (Feichtenhofer et al., ICCV 2019; Duan et al., CVPR 2022). B clips, C channels,
T frames, H × W places. Layers are named as in PYSKL, whose weights therefore load.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.conv3d import every_nth
from models.cuts import FEATURES, Backbone, Cut
from models.epam.xblocks import ConvUnit
from models.errors import ModelParamError
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, HeatmapInput, VideoInput

MAP = "map"

CUTS = (
    Cut(FEATURES, ("channel",), "its classifier and score fusion; not the trunk"),
    Cut(MAP, ("channel", "frame", "y", "x"), "heads that weigh places and moments", dtype="float16"),
)

EXPANSION = 4
"""Output channels of a stage over the channels inside its bottlenecks."""


class SlowOnlyNet(Backbone):
    """Stem → stages of bottlenecks: (B, in_channels, T, H, W) → the map's mean."""

    cuts = CUTS

    def __init__(
        self,
        in_channels: int,
        *,
        width: int,
        blocks: Sequence[int],
        time_kernels: Sequence[int],
        first_stride: int,
        strides: Sequence[tuple[int, int]],
    ) -> None:
        """Build a fresh network of as many stages as `blocks` counts.

        `first_stride` is that of the stem and of the maximum behind it; `strides` are (T, H and W) of each stage.
        """
        super().__init__()
        if min(in_channels, width, *blocks) < 1 or not 0 < len(blocks) <= len(strides):
            raise ModelParamError(
                f"in_channels, width and blocks must be 1 or more, for at most {len(strides)} stages, got "
                f"{in_channels}, {width}, {list(blocks)}"
            )
        self.in_channels, self.first_stride = in_channels, first_stride
        self.conv1 = ConvUnit(in_channels, width, (1, 7, 7), stride=first_stride)
        self.stages = [f"layer{stage + 1}" for stage in range(len(blocks))]
        into = width
        for stage, (name, count) in enumerate(zip(self.stages, blocks, strict=True)):
            inner = width * 2**stage
            kernel, stride = time_kernels[stage], strides[stage]
            first = _Bottleneck(into, inner, kernel, stride=stride)
            into = inner * EXPANSION
            rest = (_Bottleneck(into, inner, kernel) for _ in range(1, count))
            self.add_module(name, nn.Sequential(first, *rest))
        used = strides[: len(blocks)]
        self.min_frames = math.prod(time for time, _ in used)
        self.min_size = first_stride**2 * math.prod(space for _, space in used)
        self.num_features = into

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `map` (B, C', T', H', W') and `features` (B, C'), its mean."""
        pixels = (("H", self.min_size), ("W", self.min_size))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", self.min_frames), *pixels))
        wanted = [self.cut(name).name for name in names]
        x = self.conv1(clips.contiguous(memory_format=torch.channels_last_3d))
        space = self.first_stride
        x = F.max_pool3d(x, (1, 3, 3), stride=(1, space, space), padding=(0, 1, 1))
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        return {name: x if name == MAP else x.float().mean(dim=(2, 3, 4)) for name in wanted}


class SlowOnly(SlowOnlyNet):
    """(B, 3, 8, 224, 224) → (B, 2048): a ResNet-50 whose last two stages look at three frames."""

    expects: ClassVar[VideoInput] = VideoInput(frames=8, size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def __init__(
        self, in_channels: int = 3, *, width: int = 64, blocks: Sequence[int] = (3, 4, 6, 3)
    ) -> None:
        super().__init__(
            in_channels,
            width=width,
            blocks=blocks,
            time_kernels=(1, 1, 3, 3),
            first_stride=2,
            strides=((1, 1), (1, 2), (1, 2), (1, 2)),
        )


class PoseSlowOnly(SlowOnlyNet):
    """(B, 17, 48, 56, 56) → (B, 512): PoseC3D's SlowOnly, of three stages, nothing reduced in the stem."""

    expects: ClassVar[HeatmapInput] = HeatmapInput()

    def __init__(self, in_channels: int = 17, *, width: int = 32, blocks: Sequence[int] = (4, 6, 3)) -> None:
        super().__init__(
            in_channels,
            width=width,
            blocks=blocks,
            time_kernels=(1, 3, 3),
            first_stride=1,
            strides=((1, 2), (1, 2), (2, 2)),
        )


class _Bottleneck(nn.Module):
    """k×1² → 1×3² → 1×1², plus the input; the 1×3² has the stride, in time as in space."""

    def __init__(self, in_width: int, inner: int, kernel: int, *, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        width = inner * EXPANSION
        self.time_stride, space = stride
        self.conv1 = ConvUnit(in_width, inner, (kernel, 1, 1))
        self.conv2 = ConvUnit(inner, inner, (1, 3, 3), stride=space)
        self.conv3 = ConvUnit(inner, width, relu=False)
        assert self.conv3.bn is not None
        nn.init.zeros_(self.conv3.bn.weight)  # a new block is the identity
        self.downsample: nn.Module | None = None
        if space != 1 or in_width != width:
            self.downsample = ConvUnit(in_width, width, stride=space, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_width, T, H, W) → (B, 4 · inner, T / time stride, H / stride, W / stride)."""
        out, shortcut = self._every(self.conv1(x)), self._every(x)
        if self.downsample is not None:
            shortcut = self.downsample(shortcut)
        return F.relu(self.conv3(self.conv2(out)).add_(shortcut), inplace=True)

    def _every(self, x: Tensor) -> Tensor:
        """A kernel of one frame sees none of those that a stride leaves out: they are left out before."""
        return x if self.time_stride == 1 else every_nth(x, (self.time_stride, 1, 1))
