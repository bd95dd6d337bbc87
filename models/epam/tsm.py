"""TSM (Lin et al., ICCV 2019): a ResNet on frames, in whose blocks an eighth of the channels moves each way in time.

The rival of EPAM-Net's Table 5. B clips, C channels, T frames, H × W pixels. The ResNet is torchvision's, as in the
official code, so that weights for either load.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.cssi.resnet import WIDTHS, image_trunk
from models.cuts import FEATURES, Backbone, Cut
from models.epam.xblocks import shift_in_time
from models.errors import ModelParamError
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, VideoInput

TSMNetwork = Literal["resnet18", "resnet34", "resnet50"]

NETWORKS: tuple[TSMNetwork, ...] = ("resnet18", "resnet34", "resnet50")

MIN_SIZE = 32
"""Least H and W in pixels: the networks halve them five times."""

STAGES = ("layer1", "layer2", "layer3", "layer4")


class TSM(Backbone):
    """(B, 3, 8, 224, 224) → (B, 2048): the mean over T of each frame's vector; frames mix in each block."""

    expects: ClassVar[VideoInput] = VideoInput(frames=8, size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    cuts = (
        Cut(FEATURES, ("channel",), "its classifier and score fusion; not the trunk"),
        Cut("frames", ("frame", "channel"), "heads over time", dtype="float16"),
    )

    def __init__(
        self, in_channels: int = 3, *, network: TSMNetwork = "resnet50", shift_division: int = 8
    ) -> None:
        """Build a fresh network; `shift_division` 8 shifts a quarter of the channels, half of them each way."""
        super().__init__()
        if network not in NETWORKS or in_channels < 1 or shift_division < 2:
            raise ModelParamError(
                f"network must be one of {NETWORKS}, in_channels 1 or more, shift_division 2 or more, got "
                f"{network!r}, {in_channels}, {shift_division}"
            )
        self.in_channels, self.shift_division = in_channels, shift_division
        self.trunk = image_trunk(network, in_channels)
        self.num_features = WIDTHS[network]
        self.to(memory_format=torch.channels_last)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `frames` (B, T, num_features) and `features` (B, num_features), their mean."""
        pixels = (("H", MIN_SIZE), ("W", MIN_SIZE))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", 1), *pixels))
        wanted = [self.cut(name).name for name in names]
        b, t = clips.shape[0], clips.shape[2]
        frames = clips.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        vectors = self._vectors(frames, t).view(b, t, -1)
        return {name: vectors if name == "frames" else vectors.float().mean(dim=1) for name in wanted}

    def _vectors(self, x: Tensor, t: int) -> Tensor:
        """(B · T, C, H, W) → (B · T, width), as torchvision's ResNet but for the shifts."""
        for layer in ("conv1", "bn1", "relu", "maxpool"):
            x = self.trunk.get_submodule(layer)(x)
        for stage in STAGES:
            for block in self.trunk.get_submodule(stage).children():
                x = self._block(block, x, t)
        return x.mean(dim=(2, 3))

    def _block(self, block: nn.Module, x: Tensor, t: int) -> Tensor:
        """A residual block whose first convolution sees shifted channels; the identity is not shifted."""
        layers = dict(block.named_children())
        out = layers["relu"](layers["bn1"](layers["conv1"](self._shifted(x, t))))
        out = layers["bn2"](layers["conv2"](out))
        if "conv3" in layers:
            out = layers["bn3"](layers["conv3"](layers["relu"](out)))
        shortcut = layers["downsample"](x) if "downsample" in layers else x
        y: Tensor = layers["relu"](out + shortcut)
        return y

    def _shifted(self, x: Tensor, t: int) -> Tensor:
        clips = x.view(-1, t, *x.shape[1:]).transpose(1, 2)
        shifted = shift_in_time(clips, self.shift_division).transpose(1, 2).flatten(0, 1)
        return shifted.contiguous(memory_format=torch.channels_last)
