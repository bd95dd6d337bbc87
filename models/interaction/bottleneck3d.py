"""A 3-D ResNet-50 as one path of two: bottlenecks k×1² → 1×3² → 1×1² whose strides reduce space alone.

Table 1 of the spatiotemporal interaction network (SPEC 4.1), after SlowFast. B clips, C channels, T frames,
H × W pixels. Time keeps its length from the first layer to the last.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.conv3d import Conv3d
from models.errors import ModelParamError

Sampling = Literal["index", "conv"]
"""Rule by which a path reduces its frames: it takes every n-th, or, as the text words it, convolves with stride n.

No kernel is given: it is 1×1×1, and starts as taking every n-th.
"""

NUM_STAGES = 4

EXPANSION = 4
"""Output channels of a stage over the channels inside its bottlenecks."""

Depth = Literal["3463", "table"]
"""Bottlenecks of the four stages: 3, 4, 6, 3 as a ResNet-50 has (the text, three times), or 3 each (Table 1)."""

DEPTHS: dict[Depth, tuple[int, ...]] = {"3463": (3, 4, 6, 3), "table": (3, 3, 3, 3)}

TemporalKernels = Literal["printed", "slowfast"]
"""k of the dense path's four stages: 3, 3, 1, 1 as Table 1 prints, or SlowFast's 3, 3, 3, 3."""

SPARSE_KERNELS = (1, 1, 3, 3)
DENSE_KERNELS: dict[TemporalKernels, tuple[int, ...]] = {"printed": (3, 3, 1, 1), "slowfast": (3, 3, 3, 3)}


def stage_channels(width: int) -> tuple[int, ...]:
    """Return the output channels of the four stages: width 64 gives 256, 512, 1024, 2048."""
    return tuple(EXPANSION * width * 2**stage for stage in range(NUM_STAGES))


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPlan:
    """Sizes of one path."""

    in_channels: int
    width: int
    """Channels of the stem and of the first stage's bottlenecks; each stage doubles them."""
    stride_frames: int = 1
    """The path takes one of so many frames."""
    sampling: Sampling = "index"
    stem_frames: int
    """Frames that the stem's kernel spans: 1 of the sparse path, 5 of the dense one."""
    kernels: tuple[int, ...]
    """Frames that a bottleneck's first convolution spans, for each stage."""
    counts: tuple[int, ...]
    """Number of bottlenecks in each stage."""
    inputs: tuple[int, ...] = ()
    """Channels into stages 2 to 4, with the other path's appended; empty: the output of the stage before."""

    def __post_init__(self) -> None:
        if min(self.in_channels, self.width) < 1:
            raise ModelParamError(
                f"in_channels and width of a path must be 1 or more, got {self.in_channels} and {self.width}"
            )


class Path3d(nn.Module):
    """One path: a stem, which takes its frames and reduces them to H/4 × W/4, and four stages."""

    def __init__(self, plan: PathPlan) -> None:
        super().__init__()
        self.stem = _stem(plan)
        outputs = stage_channels(plan.width)
        inputs = (plan.width, *(plan.inputs or outputs[:-1]))
        self.stages = nn.ModuleList(
            _stage(into, out, kernel, count, stride=1 if stage == 0 else 2)
            for stage, (into, out, kernel, count) in enumerate(
                zip(inputs, outputs, plan.kernels, plan.counts, strict=True)
            )
        )
        self.to(memory_format=torch.channels_last_3d)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, 32 · width, T / stride_frames, H/32, W/32), without another path's channels."""
        x: Tensor = self.stem(frames)
        for stage in self.stages:
            x = stage(x)
        return x


class FrameSampling(nn.Module):
    """(B, C, T, H, W) → (B, C, T / stride_frames, H, W), in channels-last memory."""

    def __init__(self, plan: PathPlan) -> None:
        super().__init__()
        self.stride, self.conv = plan.stride_frames, None
        if plan.sampling == "conv":
            channels, stride = plan.in_channels, (plan.stride_frames, 1, 1)
            self.conv = Conv3d(channels, channels, 1, stride=stride, bias=False)
            nn.init.dirac_(self.conv.weight)

    def forward(self, clips: Tensor) -> Tensor:
        """Take frames 0, stride, 2 · stride and so on: (B, C, T, H, W) → (B, C, T / stride, H, W)."""
        frames = clips[:, :, :: self.stride] if self.conv is None else self.conv(clips)
        return frames.contiguous(memory_format=torch.channels_last_3d)


def conv3d(in_channels: int, channels: int, kernel: tuple[int, int, int], *, stride: int = 1) -> nn.Conv3d:
    """Build a convolution without bias, padded so that stride 1 keeps all lengths; `stride` is along H and W."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = Conv3d(in_channels, channels, kernel, stride=(1, stride, stride), padding=padding, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def _stem(plan: PathPlan) -> nn.Sequential:
    return nn.Sequential(
        FrameSampling(plan),
        conv3d(plan.in_channels, plan.width, (plan.stem_frames, 7, 7), stride=2),
        nn.BatchNorm3d(plan.width),
        nn.ReLU(inplace=True),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
    )


def _stage(in_channels: int, out_channels: int, kernel: int, count: int, *, stride: int) -> nn.Sequential:
    first = Bottleneck(in_channels, out_channels, kernel, stride=stride)
    return nn.Sequential(first, *(Bottleneck(out_channels, out_channels, kernel) for _ in range(1, count)))


class Bottleneck(nn.Module):
    """A residual bottleneck k×1² → 1×3² → 1×1²; a stride is in the 1×3², as in SlowFast."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        width = out_channels // EXPANSION
        self.conv1 = _normed(conv3d(in_channels, width, (kernel, 1, 1)), nn.ReLU(inplace=True))
        self.conv2 = _normed(conv3d(width, width, (1, 3, 3), stride=stride), nn.ReLU(inplace=True))
        self.conv3 = _normed(conv3d(width, out_channels, (1, 1, 1)))
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = _normed(conv3d(in_channels, out_channels, (1, 1, 1), stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, T, H, W) → (B, out_channels, T, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv3(self.conv2(self.conv1(x))).add_(shortcut), inplace=True)


def _normed(conv: nn.Conv3d, *then: nn.Module) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm3d(conv.out_channels), *then)
