"""Options and input of the weights that torchvision publishes."""

from typing import Literal

from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, VideoInput

TORCHVISION_OPTIONS: dict[str, object] = {
    "width": 64,
    "stem": "3x7x7",
    "stem_stride": (1, 2, 2),
    "maxpool": False,
}
"""R3D18 options that reproduce torchvision's r3d_18, so that its weights fit."""

KINETICS_INPUT = VideoInput(mean=(0.43216, 0.394666, 0.37645), std=(0.22803, 0.22145, 0.216989))
"""Input of torchvision's `R3D_18_Weights.KINETICS400_V1` (its own transforms)."""

Network = Literal["resnet18", "resnet34", "resnet50", "mobilenet_v2"]
"""Image networks; CSSIModel's Table 12 compares resnet18 (the paper's choice), resnet50 and mobilenet_v2."""

STEMS: dict[Network, str] = {
    "resnet18": "conv1",
    "resnet34": "conv1",
    "resnet50": "conv1",
    "mobilenet_v2": "features.0.0",
}
"""torchvision's name of each network's first convolution."""

IMAGENET_INPUT = VideoInput(frames=128, size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
"""Input of 128 segments (SPEC 1.1), scaled for torchvision's ImageNet weights; frames and size are free."""
