"""Image networks run on each frame by itself: CSSIModel's RGB part (Gao et al. 2025, Table 1; SPEC 1.1, 1.5).

B clips, C channels, T frames, H × W pixels. The networks are torchvision's own, so that its ImageNet weights
fit (`models.training.checkpoint`); what is added is running them on videos, frozen or not.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.cuts import FEATURES, Backbone, Cut
from models.errors import ModelParamError
from models.preprocessing import VideoInput
from models.training.published_weights import IMAGENET_INPUT, STEMS, Network

Frozen = Literal["all", "statistics", "none"]
"""`all`: no gradients, fixed batch norm statistics; `statistics`: only the latter; `none`: trained as usual."""

WIDTHS: dict[Network, int] = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, "mobilenet_v2": 1280}
"""Channels of one frame's vector, by network."""

FRAMES = "frames"
"""Cut: one vector a frame, before anything that CSSIModel trains."""

SEGMENTS = "segments"
"""Cut: one vector a segment, the input of CSSIModel's fusion; DINet-R has it too."""

CORRECTED_WIDTH = 512
"""Width of the "corrected" fully connected layer, which fits the two modalities to each other (Table 1)."""

MIN_SIZE = 32
"""Least H and W in pixels: the networks halve them five times."""

FRAMES_AT_ONCE = 64
"""Frames that run through the network together without gradients, about: memory stays flat in T."""

CUTS = (
    Cut(FEATURES, ("channel",), "fusion heads on one vector a clip: the mean over frames, order lost"),
    Cut(
        SEGMENTS,
        ("frame", "channel"),
        "CSSIModel's fusion, DINet-R and heads on these segments; not the corrected FC, nor fresh random segments",
        dtype="float16",
    ),
    Cut(
        FRAMES,
        ("frame", "channel"),
        "fed every frame, all of CSSIModel behind a frozen ResNet, its random segments drawn anew each epoch "
        "(option drawn_segments); not a fine-tuned ResNet, nor flips and turns beyond the stored views",
        dtype="float16",
    ),
)


class FrameResNet(Backbone):
    """(B, C, T, H, W) → (B, num_features): the mean over T of an image network's vectors."""

    expects: ClassVar[VideoInput] = IMAGENET_INPUT
    cuts = CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        network: Network = "resnet18",
        corrected_fc: bool = False,
        frozen: Frozen = "all",
    ) -> None:
        """Build a fresh network; `corrected_fc` adds a trainable Linear(→ 512) on each frame's vector.

        The default has 11,176,512 parameters.
        """
        super().__init__()
        if in_channels < 1:
            raise ModelParamError(f"in_channels must be 1 or more, got {in_channels}")
        for name, value, choices in (
            ("network", network, tuple(WIDTHS)),
            ("frozen", frozen, ("all", "statistics", "none")),
        ):
            if value not in choices:
                raise ModelParamError(f"{name} must be one of {choices}, got {value!r}")
        self.in_channels, self.network, self.frozen = in_channels, network, frozen
        self.trunk = image_trunk(network, in_channels)
        self.trunk.requires_grad_(frozen != "all")
        width = WIDTHS[network]
        self.corrected_fc = nn.Linear(width, CORRECTED_WIDTH) if corrected_fc else None
        self.num_features = CORRECTED_WIDTH if corrected_fc else width
        self.to(memory_format=torch.channels_last)
        self.train()

    def train(self, mode: bool = True) -> "FrameResNet":
        """Set the mode as nn.Module does; a frozen trunk's batch norms keep their running statistics."""
        super().train(mode)
        if self.frozen != "none":
            self.trunk.eval()
        return self

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `frames` (B, T, network's width), `segments` (B, T, num_features) and `features`, the mean over T."""
        wanted = [self.cut(name).name for name in names]
        pixels = (("H", MIN_SIZE), ("W", MIN_SIZE))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", 1), *pixels))
        found = {FRAMES: self._vectors(clips)}
        if wanted != [FRAMES]:
            found |= corrected(found[FRAMES], self.corrected_fc)
        return {name: found[name] for name in wanted}

    def _vectors(self, clips: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, T, width); as many clips at a time as memory is meant for, where that is free."""
        needs_gradient = torch.is_grad_enabled() and self.frozen != "all"
        if needs_gradient or self.trunk.training or torch.compiler.is_exporting():
            return self._each_frame(clips)
        with torch.no_grad():
            size = clips_at_once(clips.shape[0], clips.shape[2])
            return torch.cat([self._each_frame(part) for part in torch.split(clips, size)])

    def _each_frame(self, clips: Tensor) -> Tensor:
        b, _, t, _, _ = clips.shape
        frames = clips.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        vectors: Tensor = self.trunk(frames)
        return vectors.view(b, t, -1)


def corrected(frames: Tensor, fc: nn.Module | None) -> dict[str, Tensor]:
    """Return the cuts that follow `frames` (B, T, width): `segments` and `features`."""
    segments = frames if fc is None else fc(frames)
    return {SEGMENTS: segments, FEATURES: segments.float().mean(dim=1)}


def clips_at_once(num_clips: int, num_frames: int) -> int:
    """Return the largest divisor of `num_clips` with at most FRAMES_AT_ONCE frames, or 1.

    With a divisor all parts are equally large, and no clip's result depends on its place in the batch.
    Worked example: 12 clips of 16 frames go through as 3 parts of 4 clips, 64 frames each.
    """
    most = max(1, FRAMES_AT_ONCE // num_frames)
    return max(size for size in range(1, num_clips + 1) if num_clips % size == 0 and size <= most)


def image_trunk(network: Network, in_channels: int) -> nn.Module:
    """Return torchvision's network without its classifier, of fresh weights: (N, C, H, W) → (N, width)."""
    from torchvision import models  # takes a second to import, which reading a checkpoint's card should not

    trunk: nn.Module = getattr(models, network)(weights=None)
    setattr(trunk, "classifier" if network == "mobilenet_v2" else "fc", nn.Identity())
    if in_channels != 3:
        parent, _, name = STEMS[network].rpartition(".")
        setattr(trunk.get_submodule(parent), name, _stem_of(trunk.get_submodule(STEMS[network]), in_channels))
    return trunk


def _stem_of(conv: nn.Module, in_channels: int) -> nn.Conv2d:
    """The same convolution over another number of channels."""
    assert isinstance(conv, nn.Conv2d)
    (kernel, _), (stride, _) = conv.kernel_size, conv.stride
    stem = nn.Conv2d(in_channels, conv.out_channels, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.normal_(stem.weight, std=math.sqrt(2 / (conv.out_channels * kernel**2)))
    return stem
