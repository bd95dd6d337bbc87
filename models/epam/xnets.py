"""X-ShiftNet for colour frames and for pose heatmaps, and the X3D networks that they derive from (SPEC 3.1).

B clips, C channels, T frames, H × W places. No layer reduces the number of frames.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.cuts import FEATURES, Backbone, Cut
from models.epam.xblocks import EXPANSION, ConvUnit, Temporal, XBlock, channel_pool
from models.errors import ModelParamError
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, HeatmapInput, VideoInput

SEPlacement = Literal["half", "all", "none"]
"""Blocks of a stage that weigh their channels: every second one from the first, all, or none.

Table 2 shows none, and the published sizes need half.
"""

MAP, STRIDED_MAP, CHANNEL_POOL = "map", "strided_map", "channel_pool"
"""Names of cuts; the backbones describe them."""

_MAP_DIMS = ("channel", "frame", "y", "x")

_RGB_CUTS = (
    Cut(FEATURES, ("channel",), "the RGB classifier and score fusion; neither the attention nor the trunk"),
    Cut(MAP, _MAP_DIMS, "EPAM-Net's attention and classifiers over a frozen trunk", dtype="float16"),
)

_POSE_CUTS = (
    Cut(FEATURES, ("channel",), "the pose classifier and score fusion; not the trunk"),
    Cut(
        CHANNEL_POOL,
        _MAP_DIMS,
        "EPAM-Net's nested attention: maximum and mean over channels of the RGB frames' places in time",
        dtype="float16",
    ),
    Cut(STRIDED_MAP, _MAP_DIMS, "any attention at the RGB frames' places in time", dtype="float16"),
    Cut(MAP, _MAP_DIMS, "any head over a frozen trunk, all frames", dtype="float16"),
)

RGB_BLOCKS = (3, 5, 11, 7)
POSE_BLOCKS = (5, 11, 7)
"""Blocks of each stage (Table 2); a stage halves H and W and, after the first, doubles the width."""

WIDTH = 24
"""Channels of the stem and of the first stage."""

X3D_HIDDEN = 2048
"""Width of the hidden layer in front of X3D's classifier."""

MIN_FRAMES = 2


class XNet(Backbone):
    """Stem → stages of XBlocks → 1×1×1 convolution: (B, in_channels, T, H, W) → the map's mean."""

    def __init__(
        self,
        in_channels: int,
        *,
        width: int,
        blocks: Sequence[int],
        stem_stride: int,
        temporal: Temporal,
        shift_division: int,
        se: SEPlacement,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        _check_options(in_channels, width, blocks, temporal, shift_division, se)
        self.in_channels, self.stages = in_channels, [f"layer{i + 1}" for i in range(len(blocks))]
        self.min_size = stem_stride * 2 ** len(blocks)
        stem_is_all = temporal != "conv"
        self.conv1_s = ConvUnit(
            in_channels, width, (1, 3, 3), stride=stem_stride, norm=stem_is_all, relu=stem_is_all
        )
        self.conv1_t = None if stem_is_all else ConvUnit(width, width, (5, 1, 1), groups=width)
        in_width = width
        for i, (name, count) in enumerate(zip(self.stages, blocks, strict=True)):
            layer = _stage(in_width, width * 2**i, count, se, temporal, shift_division)
            self.add_module(name, layer)
            in_width = width * 2**i
        self.num_channels = int(EXPANSION * in_width)
        self.conv5 = ConvUnit(in_width, self.num_channels)
        self.fc1 = None if hidden is None else _hidden(self.num_channels, hidden)
        self.num_features = self.num_channels if hidden is None else hidden

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return any of `cuts`; all of them are computed from the map."""
        pixels = (("H", self.min_size), ("W", self.min_size))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", MIN_FRAMES), *pixels))
        wanted = [self.cut(name).name for name in names]
        x = self._map(clips)
        return {name: self._from_map(name, x) for name in wanted}

    def _map(self, clips: Tensor) -> Tensor:
        x = self.conv1_s(clips.contiguous(memory_format=torch.channels_last_3d))
        if self.conv1_t is not None:
            x = self.conv1_t(x)
        for name in self.stages:
            x = getattr(self, name)(x)
        out: Tensor = self.conv5(x)
        return out

    def _from_map(self, name: str, x: Tensor) -> Tensor:
        if name == MAP:
            return x
        means = x.float().mean(dim=(2, 3, 4))
        return means if self.fc1 is None else F.relu(self.fc1(means.to(x.dtype))).float()


class RGBXShiftNet(XNet):
    """(B, 3, 16, 224, 224) → (B, 432): 2,006,010 parameters with a classifier of 60 classes."""

    expects: ClassVar[VideoInput] = VideoInput(size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    cuts = _RGB_CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        width: int = WIDTH,
        blocks: Sequence[int] = RGB_BLOCKS,
        temporal: Temporal = "shift",
        shift_division: int = 8,
        se: SEPlacement = "half",
    ) -> None:
        """Build a fresh network; `shift_division` 8 shifts a quarter of the channels, half of them each way.

        4 shifts half of them (Table 4).
        """
        super().__init__(
            in_channels,
            width=width,
            blocks=blocks,
            stem_stride=2,
            temporal=temporal,
            shift_division=shift_division,
            se=se,
        )


class X3DM(XNet):
    """X3D-M as Table 5 has it: RGBXShiftNet with time in the kernels; (B, 2048) features."""

    expects: ClassVar[VideoInput] = RGBXShiftNet.expects
    cuts = _RGB_CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        width: int = WIDTH,
        blocks: Sequence[int] = RGB_BLOCKS,
        se: SEPlacement = "half",
        hidden: int = X3D_HIDDEN,
    ) -> None:
        super().__init__(
            in_channels,
            width=width,
            blocks=blocks,
            stem_stride=2,
            temporal="conv",
            shift_division=8,
            se=se,
            hidden=hidden,
        )


class PoseXShiftNet(XNet):
    """(B, 17, 48, 56, 56) → (B, 216): 532,600 parameters with a classifier of 60 classes."""

    expects: ClassVar[HeatmapInput] = HeatmapInput()
    cuts = _POSE_CUTS

    def __init__(
        self,
        in_channels: int = 17,
        *,
        width: int = WIDTH,
        blocks: Sequence[int] = POSE_BLOCKS,
        temporal: Temporal = "shift",
        shift_division: int = 4,
        se: SEPlacement = "half",
        frame_stride: int = 3,
    ) -> None:
        """Build a fresh network; every `frame_stride`-th frame is also one of the RGB stream's (48 → 16)."""
        super().__init__(
            in_channels,
            width=width,
            blocks=blocks,
            stem_stride=1,
            temporal=temporal,
            shift_division=shift_division,
            se=se,
        )
        if frame_stride < 1:
            raise ModelParamError(f"frame_stride must be 1 or more, got {frame_stride}")
        self.frame_stride = frame_stride

    def _from_map(self, name: str, x: Tensor) -> Tensor:
        if name == STRIDED_MAP:
            return x[:, :, :: self.frame_stride]
        if name == CHANNEL_POOL:
            return channel_pool(x[:, :, :: self.frame_stride])
        return super()._from_map(name, x)


class X3DS(PoseXShiftNet):
    """X3D-S on heatmaps as Table 6 has it: PoseXShiftNet with time in the kernels."""

    def __init__(
        self,
        in_channels: int = 17,
        *,
        width: int = WIDTH,
        blocks: Sequence[int] = POSE_BLOCKS,
        se: SEPlacement = "half",
        frame_stride: int = 3,
    ) -> None:
        super().__init__(
            in_channels, width=width, blocks=blocks, temporal="conv", se=se, frame_stride=frame_stride
        )


def _stage(
    in_width: int, width: int, count: int, se: SEPlacement, temporal: Temporal, shift_division: int
) -> nn.Sequential:
    """`count` blocks, the first with stride 2."""
    weighs = {"half": (True, False), "all": (True, True), "none": (False, False)}[se]
    return nn.Sequential(
        *(
            XBlock(
                in_width if i == 0 else width,
                width,
                stride=2 if i == 0 else 1,
                se=weighs[i % 2],
                temporal=temporal,
                shift_division=shift_division,
            )
            for i in range(count)
        )
    )


def _hidden(in_features: int, features: int) -> nn.Linear:
    layer = nn.Linear(in_features, features, bias=False)
    nn.init.normal_(layer.weight, std=0.01)
    return layer


def _check_options(
    in_channels: int, width: int, blocks: Sequence[int], temporal: str, shift_division: int, se: str
) -> None:
    if in_channels < 1 or width < 1 or not blocks or min(blocks) < 1:
        raise ModelParamError(
            "in_channels, width and the blocks of each stage must be 1 or more, got "
            f"{in_channels}, {width} and {tuple(blocks)}"
        )
    for name, value, choices in (
        ("temporal", temporal, ("shift", "conv", "none")),
        ("se", se, ("half", "all", "none")),
    ):
        if value not in choices:
            raise ModelParamError(f"{name} must be one of {choices}, got {value!r}")
    if temporal == "shift" and not 2 <= shift_division <= width:
        raise ModelParamError(
            f"shift_division must lie between 2 and the width, {width}: each way, width // shift_division "
            f"channels move; got {shift_division}"
        )
