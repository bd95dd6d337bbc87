"""Random changes to video clips in training, by a generator that is passed in."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError

Frames = NDArray[np.uint8]
FLIPS = np.array([[1, 1], [-1, 1], [1, -1]])
"""(x, y) signs of AMFI-Net's flips: none, horizontal, vertical."""


@dataclass(frozen=True, slots=True)
class VideoAugment:
    """Random augmentation of a video clip in training; one draw a clip, the same for all its frames."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "kind",
        "shift_pixels",
        "scales",
        "flip_chance",
        "brightness",
        "fill",
    )

    kind: Literal["none", "light", "amfi"] = "light"
    """`light`: the settings below. `amfi`: a turn by 0, 90, 180 or 270 degrees counter-clockwise, a flip
    (none, horizontal, vertical) and a shrinking to `scales`, each drawn uniformly (SPEC 2.1)."""
    shift_pixels: int = 8
    """`light`: largest shift along x and along y, whole pixels."""
    scales: tuple[float, float] = (1.0, 1.0)
    """Range of the picture's scale: below 1 it shrinks, above 1 a part is enlarged."""
    flip_chance: float = 0.0
    """`light`: chance of a horizontal flip."""
    brightness: float = 0.0
    """`light`: pixels are multiplied by 1 ± this, drawn uniformly."""
    fill: Literal["zero", "edge"] = "zero"
    """Value of pixels outside the moved picture."""

    def __post_init__(self) -> None:
        low, high = self.scales
        if not 0 < low <= high or self.shift_pixels < 0:
            raise ParamError(f"scales must rise above 0 and shift_pixels be 0 or more, got {self}")
        if not 0 <= self.flip_chance <= 1 or not 0 <= self.brightness < 1:
            raise ParamError(f"flip_chance must lie in [0, 1] and brightness in [0, 1), got {self}")


def videos(clips: Frames, how: VideoAugment, rng: np.random.Generator) -> Frames:
    """(B, T, H, W, C) uint8 to the same; C up to 4. `none` gives the batch itself."""
    if how.kind == "none":
        return clips
    count, (height, width) = len(clips), clips.shape[2:4]
    if how.kind == "amfi":
        if height != width:
            raise ParamError(f"quarter turns need square frames, got {height} by {width}: crop to a square")
        linear, shift = _amfi_draws(count, how, rng), np.zeros((count, 2))
        gains = np.ones(count)
    else:
        linear, shift = _light_draws(count, how, rng)
        gains = rng.uniform(1 - how.brightness, 1 + how.brightness, count)
    out = np.empty_like(clips)
    for clip, moved, matrix, gain in zip(
        clips, out, _matrices(linear, shift, height, width), gains, strict=True
    ):
        _warp(clip, moved, matrix, how, gain)
    return out


def _amfi_draws(count: int, how: VideoAugment, rng: np.random.Generator) -> NDArray[np.float64]:
    """(B, 2, 2): from an output offset to the input offset that it shows."""
    quarters = rng.integers(0, 4, count)
    cosine, sine = np.array([1, 0, -1, 0])[quarters], np.array([0, 1, 0, -1])[quarters]
    rotation = np.array([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1)
    flips = FLIPS[rng.integers(0, len(FLIPS), count)]
    return np.asarray(rotation * flips[:, None] / rng.uniform(*how.scales, count)[:, None, None])


def _light_draws(
    count: int, how: VideoAugment, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, 2, 2) as above, and (B, 2): by how many pixels (x, y) the picture moves."""
    linear = np.eye(2) / rng.uniform(*how.scales, count)[:, None, None]
    linear[rng.random(count) < how.flip_chance, 0, 0] *= -1
    shift = rng.integers(-how.shift_pixels, how.shift_pixels + 1, (count, 2))
    return linear, shift.astype(np.float64)


def _matrices(
    linear: NDArray[np.float64], shift: NDArray[np.float64], height: int, width: int
) -> NDArray[np.float64]:
    """(B, 2, 3): each output pixel reads at linear (out - centre - shift) + centre."""
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre - np.einsum("bij,bj->bi", linear, centre + shift)
    return np.concatenate([linear, offset[..., None]], axis=2)


def _warp(clip: Frames, out: Frames, matrix: NDArray[np.float64], how: VideoAugment, gain: float) -> None:
    import cv2  # those who only name augmentations, as params do, need no OpenCV

    size = (clip.shape[2], clip.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_CONSTANT if how.fill == "zero" else cv2.BORDER_REPLICATE
    for frame, moved in zip(clip, out, strict=True):
        warped = cv2.warpAffine(frame, matrix, size, flags=flags, borderMode=border)
        moved[...] = warped.reshape(moved.shape)
    if gain != 1:
        cv2.convertScaleAbs(out.reshape(len(out), -1), dst=out.reshape(len(out), -1), alpha=gain)
