"""Frames as codecs keep them: brightness pixel by pixel, and two colour differences for each 2 x 2 pixels.

A crop is cut out of these planes, shrunk, and made RGB at last: so fewer pixels are converted, and each is
nearer to the true mean than where colours are repeated, converted and then shrunk. A colour sample is taken to lie
in the middle of its 2 x 2 pixels, as FFmpeg's converter takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from pipeline.decoding.orientation import UPRIGHT, orientation
from pipeline.shown import ShownByShape
from pipeline.values import Box
from pipeline.video.crop_recipe import Interpolation
from pipeline.video.resize import Bytes, doublings, halve, inside, resize

LIMITED, FULL = "yuv420p", "yuvj420p"
"""Pixel formats, as FFmpeg names them: brightness from 16 to 235, or from 0 to 255."""

FULL_RANGE = 2
"""FFmpeg's mark (AVCOL_RANGE_JPEG) for 0 to 255 in a video of either format."""

NO_COLOUR = 128
"""Value of both colour differences where there is no colour."""

BT_601, BT_709, SMPTE_240M, BT_2020 = (0.299, 0.114), (0.2126, 0.0722), (0.212, 0.087), (0.2627, 0.0593)
WEIGHTS: Mapping[int, tuple[float, float]] = {
    **dict.fromkeys((0, 2, 4, 5, 6), BT_601), 1: BT_709, 7: SMPTE_240M, 9: BT_2020
}  # fmt: skip
"""Share of red and of blue in brightness, by FFmpeg's number (AVColorSpace); 2 is a video that does not say. The
others are not sums of this kind, and FFmpeg converts none of them either."""


@dataclass(frozen=True, slots=True, repr=False)
class Planes(ShownByShape):
    """One frame: views into the decoder's memory, which they keep alive."""

    luma: Bytes
    """(H, W): brightness."""
    chroma: tuple[Bytes, Bytes]
    """(ceil(H / 2), ceil(W / 2)) each: blue and red against brightness."""
    black: int
    """Brightness of black."""
    to_rgb: NDArray[np.float32]
    """(3, 4): RGB from brightness, blue difference, red difference and 1."""


def planes_of(frame: VideoFrame) -> Planes | None:
    """A decoded frame's planes, uncopied; None where it is not kept so, or not upright, in colours that we know.

    Nearly every video is. Rows may stand bottom up in memory, a negative line size: such a frame is not upright.
    """
    if (
        frame.format.name not in (LIMITED, FULL)
        or frame.colorspace not in WEIGHTS
        or orientation(frame) != UPRIGHT
    ):
        return None
    planes = frame.planes
    if any(plane.line_size < plane.width for plane in planes):
        return None
    luma, blue, red = map(_samples, planes)
    full = frame.format.name == FULL or frame.color_range == FULL_RANGE
    return Planes(luma, (blue, red), 0 if full else 16, _to_rgb(frame.colorspace, full))


def _samples(plane: Any) -> Bytes:
    """(H, W) of one plane; the decoder's rows may be longer."""
    return np.ndarray((plane.height, plane.width), np.uint8, plane, strides=(plane.line_size, 1))


def crop_planes(planes: Planes, box: Box, size: tuple[int, int], interpolation: Interpolation) -> Bytes:
    """(*size, 3) RGB: what lies in the box, black where it reaches outside, resized."""
    luma = resize(inside(planes.luma, box, planes.black), size, interpolation)
    chroma = [_crop_chroma(plane, box, size, interpolation) for plane in planes.chroma]
    rgb = np.asarray(cv2.transform(cv2.merge([luma, *chroma]), planes.to_rgb), dtype=np.uint8)
    _blacken(rgb, box, planes.luma.shape)
    return rgb


def _blacken(crop: Bytes, box: Box, frame: tuple[int, ...]) -> None:
    """Take the colour that came over the frame's edge from pixels that lie wholly outside."""
    if box.left >= 0 and box.top >= 0 and box.right <= frame[1] and box.bottom <= frame[0]:
        return
    height, width = crop.shape[:2]
    above, below = (max(rows, 0) * height // box.height for rows in (-box.top, box.bottom - frame[0]))
    left, right = (max(columns, 0) * width // box.width for columns in (-box.left, box.right - frame[1]))
    crop[:above] = 0
    crop[max(height - below, 0) :] = 0
    crop[:, :left] = 0
    crop[:, max(width - right, 0) :] = 0


def _crop_chroma(plane: Bytes, box: Box, size: tuple[int, int], interpolation: Interpolation) -> Bytes:
    """(*size); the box is in pixels, and its edges may lie in the middle of a sample."""
    around = _samples_around(box)
    samples = inside(plane, around, NO_COLOUR)
    if (2 * around.width, 2 * around.height) == (box.width, box.height):
        return resize(samples, size, interpolation)
    if interpolation == "area":
        left, top = box.left - 2 * around.left, box.top - 2 * around.top
        pixels = samples.repeat(2, axis=0).repeat(2, axis=1)
        return resize(inside(pixels, Box(left, top, left + box.width, top + box.height)), size, "area")
    width, height, steps = _linear_steps(box, size, interpolation)
    linear = cv2.warpAffine(
        samples,
        steps,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return halve(np.asarray(linear, dtype=np.uint8), size)


@lru_cache
def _samples_around(box: Box) -> Box:
    """Of the colour samples that a box of pixels touches: pixels 3 to 8 touch samples 1 to 4."""
    return Box(box.left // 2, box.top // 2, -(-box.right // 2), -(-box.bottom // 2))


@lru_cache
def _linear_steps(
    box: Box, size: tuple[int, int], interpolation: Interpolation
) -> tuple[int, int, NDArray[np.float64]]:
    """Width and height of the linear step, and (2, 3): x and y among the samples from those in its result."""
    around = _samples_around(box)
    down, across = doublings((around.height, around.width), size, interpolation)
    height, width = size[0] << down, size[1] << across
    y, x = box.height / 2 / height, box.width / 2 / width
    left, top = box.left / 2 - around.left, box.top / 2 - around.top
    return width, height, np.array([[x, 0, left + x / 2 - 0.5], [0, y, top + y / 2 - 0.5]])


@lru_cache
def _to_rgb(colorspace: int, full: bool) -> NDArray[np.float32]:
    """(3, 4). R = Y + 2 (1 - red) Cr, B = Y + 2 (1 - blue) Cb, and Y = red R + green G + blue B."""
    red, blue = WEIGHTS[colorspace]
    green = 1 - red - blue
    of_cb, of_cr = 2 * (1 - blue), 2 * (1 - red)
    matrix = np.array([[1, 0, of_cr], [1, -of_cb * blue / green, -of_cr * red / green], [1, of_cb, 0]])
    zero = np.array([0, NO_COLOUR, NO_COLOUR])
    if not full:
        matrix = matrix * (255 / np.array([219, 224, 224]))
        zero[0] = 16
    return np.hstack([matrix, -matrix @ zero[:, None]]).astype(np.float32)
