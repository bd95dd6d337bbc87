"""What is known of weights that torchvision publishes: the options and the input under which they mean something."""

from typing import Literal

from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, VideoInput

TORCHVISION_OPTIONS: dict[str, object] = {
    "width": 64,
    "stem": "3x7x7",
    "stem_stride": (1, 2, 2),
    "maxpool": False,
}
"""R3D18 options under which torchvision's r3d_18 weights mean what they meant there."""

KINETICS_INPUT = VideoInput(mean=(0.43216, 0.394666, 0.37645), std=(0.22803, 0.22145, 0.216989))
"""What torchvision's `R3D_18_Weights.KINETICS400_V1` was trained on (its own transforms)."""

Network = Literal["resnet18", "resnet34", "resnet50", "mobilenet_v2"]
"""CSSIModel's Table 12 compares resnet18 (the paper's choice), resnet50 and mobilenet_v2."""

STEMS: dict[Network, str] = {
    "resnet18": "conv1",
    "resnet34": "conv1",
    "resnet50": "conv1",
    "mobilenet_v2": "features.0.0",
}
"""torchvision's name of the convolution that sees the pixels."""

IMAGENET_INPUT = VideoInput(frames=128, size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
"""128 segments (SPEC 1.1), scaled as torchvision's ImageNet weights want; frames and size are free."""
