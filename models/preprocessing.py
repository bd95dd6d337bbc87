"""The preprocessing that a backbone's input needs: that of the data its weights were trained on."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from models.errors import ModelParamError


@dataclass(frozen=True, slots=True)
class VideoInput:
    """(B, C, T, H, W) float32: cropped frames, scaled to (x / 255 - mean) / std."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("frames", "size", "mean", "std")

    frames: int = 16
    """T, frames a clip."""
    size: int = 112
    """H and W in pixels."""
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Mean of each channel, on the scale where pixels lie in [0, 1]; zeros and ones leave x / 255 (SPEC 2.1)."""
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Standard deviation of each channel, same scale."""

    def __post_init__(self) -> None:
        if self.frames < 1 or self.size < 1:
            raise ModelParamError(f"frames and size must be 1 or more, got {self.frames} and {self.size}")
        if not self.mean or len(self.mean) != len(self.std):
            raise ModelParamError(
                f"mean and std need one value a channel, got {len(self.mean)} and {len(self.std)}"
            )
        if min(self.std) <= 0:
            raise ModelParamError(f"std must be above 0 in each channel, got {self.std}")

    @property
    def channels(self) -> int:
        """C: 3 for colour, 1 for depth."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip, (C, T, H, W)."""
        return self.channels, self.frames, self.size, self.size


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class HeatmapInput:
    """(B, K, T, H, W) float32 in [0, 1]: one Gaussian pseudo-heatmap for each joint (SPEC 0.6)."""

    frames: int = 48
    size: int = 56
    """H and W in cells."""
    channels: int = 17
    """K: joints, or limbs, or both concatenated."""
    sigma: float = 0.6
    """Standard deviation of the Gaussian in cells."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip, (K, T, H, W)."""
        return self.channels, self.frames, self.size, self.size


@dataclass(frozen=True, slots=True)
class JointInput:
    """(B, C, T, V, M) float32: normalised joints (SPEC 0.3)."""

    style: Literal["agcn", "ctr", "none"] = "ctr"
    """Normalisation of SPEC 0.3: 0.3a (agcn), 0.3b (ctr), or none (metres as recorded)."""
    frames: int = 64
    joints: int = 25
    people: int = 2
    channels: int = 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip, (C, T, V, M)."""
        return self.channels, self.frames, self.joints, self.people


Preprocessing: TypeAlias = "VideoInput | HeatmapInput | JointInput"
