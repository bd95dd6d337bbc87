"""Cutting a box out of a picture and resizing what is in it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.values import Box
from pipeline.video.crop_recipe import Interpolation

Bytes = NDArray[np.uint8]

cv2.setNumThreads(1)  # the runner's workers are the parallelism; a pool in each would fight over the cores


def inside(picture: Bytes, box: Box, fill: int = 0) -> Bytes:
    """The box's part of (H, W, ...), as a view where it lies in the picture; `fill` where it reaches outside.

    Columns -2 to 3 of a picture of 10: the last three of the five are the picture's columns 0 to 2.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = (
        max(box.left, 0),
        max(box.top, 0),
        min(box.right, width),
        min(box.bottom, height),
    )
    if (left, top, right, bottom) == (box.left, box.top, box.right, box.bottom):
        return picture[top:bottom, left:right]
    padded = np.full((box.height, box.width, *picture.shape[2:]), fill, dtype=np.uint8)
    if left < right and top < bottom:
        padded[top - box.top : bottom - box.top, left - box.left : right - box.left] = picture[
            top:bottom, left:right
        ]
    return padded


def resize(pixels: Bytes, size: tuple[int, int], interpolation: Interpolation) -> Bytes:
    """(H, W) or (H, W, C) to `size`, height and width.

    `area`: the mean over what each pixel covers. An axis that grows does so after the other has shrunk, since
    OpenCV takes means along both axes or along none.
    `auto`: linearly to a power of two times the size, by a factor below two; then halved by exact means.
    400 x 400 to 112 x 112: linearly to 224 x 224, then means of 2 x 2. An axis that grows: linear alone.
    """
    if interpolation == "area":
        shrunk = min(pixels.shape[0], size[0]), min(pixels.shape[1], size[1])
        return _resized(_resized(pixels, shrunk, cv2.INTER_AREA), size, cv2.INTER_AREA)
    down, across = doublings(pixels.shape[:2], size, interpolation)
    return halve(_resized(pixels, (size[0] << down, size[1] << across), cv2.INTER_LINEAR), size)


def halve(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Means of 2 x 2, of 2 x 1 or of 1 x 2 pixels, until (H, W, ...), powers of two times `size`, is `size`."""
    while pixels.shape[:2] != size:
        height, width = (max(now // 2, end) for now, end in zip(pixels.shape[:2], size, strict=True))
        pixels = _resized(pixels, (height, width), cv2.INTER_AREA)
    return pixels


def doublings(
    lengths: tuple[int, ...], size: tuple[int, int], interpolation: Interpolation
) -> tuple[int, int]:
    """Return how often height and width of `size` are doubled for the linear step: for `linear`, never.

    `auto`: as often as they don't pass `lengths`: 400 and 112 give 1, 1000 and 112 give 3.
    """
    if interpolation == "linear":
        return 0, 0
    down, across = (
        max((length // end).bit_length() - 1, 0) for length, end in zip(lengths, size, strict=True)
    )
    return down, across


def _resized(pixels: Bytes, size: tuple[int, int], method: int) -> Bytes:
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=method), dtype=np.uint8)
