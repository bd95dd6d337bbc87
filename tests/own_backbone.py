"""A user's own backbone, as it lies outside the house: over heatmaps, and of almost no size."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from models.checks import check_input
from models.cuts import FEATURES, Backbone, Cut
from models.preprocessing import HeatmapInput


class Pooled(Backbone):
    """Mean heat of each channel and frame, and a linear layer."""

    expects: ClassVar[HeatmapInput] = HeatmapInput(frames=4, size=16, channels=25)
    cuts = (
        Cut(FEATURES, ("channel",), "any head"),
        Cut("heat", ("channel", "frame"), "heads over time", dtype="float16"),
    )

    def __init__(self, in_channels: int = 25, *, width: int = 8) -> None:
        super().__init__()
        self.in_channels, self.num_features = in_channels, width
        self.fc = nn.Linear(in_channels, width)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """`heat` (B, K, T) and `features` (B, width)."""
        check_input("clips", clips, ("B", f"C={self.in_channels}", "T", "H", "W"))
        heat = clips.mean(dim=(3, 4))
        found = {"heat": heat, FEATURES: self.fc(heat.mean(dim=2))}
        return {name: found[self.cut(name).name] for name in names}
