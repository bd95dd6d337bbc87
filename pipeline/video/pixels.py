"""From stored bytes to what a video network eats: the one place where uint8 becomes float."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError


@dataclass(frozen=True, slots=True)
class PixelScale:
    """(x / 255 - mean) / std for each channel, or each clip stretched to [0, 1] first (SPEC 2.1)."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("minmax", "mean", "std")

    minmax: Literal["fixed", "clip"] = "fixed"
    """`fixed`: divide by 255. `clip`: a clip's own darkest and brightest value become 0 and 1."""
    mean: tuple[float, ...] = (0.0,)
    """Mean of each channel, or one for all."""
    std: tuple[float, ...] = (1.0,)
    """Standard deviation of each channel, or one for all."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise ParamError(f"mean and std need one value a channel each, got {self.mean} and {self.std}")
        if min(self.std) <= 0:
            raise ParamError(f"std must be above 0, got {self.std}")


def to_float(clips: NDArray[np.uint8], how: PixelScale) -> NDArray[np.float32]:
    """(B, T, H, W, C) uint8 -> (B, C, T, H, W) float32."""
    channels = clips.shape[-1]
    if len(how.mean) not in (1, channels):
        raise ParamError(
            f"mean has {len(how.mean)} values, the frames have {channels} channels: give 1 or {channels}"
        )
    low, span = _range(clips, how)
    std = np.broadcast_to(np.array(how.std), (channels,))
    gains = 1 / (span * std)
    offsets = -low * gains - np.broadcast_to(np.array(how.mean), (channels,)) / std
    out = np.empty((len(clips), channels, *clips.shape[1:4]), dtype=np.float32)
    for clip, floats, gain, offset in zip(clips, out, gains, offsets, strict=True):
        for channel in range(channels):
            np.multiply(clip[..., channel], np.float32(gain[channel]), out=floats[channel])
            floats[channel] += np.float32(offset[channel])
    return out


def _range(clips: NDArray[np.uint8], how: PixelScale) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, 1) each: what becomes 0, and how far above it 1 lies."""
    if how.minmax == "fixed":
        return np.zeros((len(clips), 1)), np.full((len(clips), 1), 255.0)
    pixels = clips.reshape(len(clips), -1)
    low = pixels.min(axis=1, keepdims=True).astype(np.float64)
    return low, np.maximum(pixels.max(axis=1, keepdims=True) - low, 1.0)
