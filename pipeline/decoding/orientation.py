"""Orientation of a video: the display matrix that phones and editors write, applied as FFmpeg does."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SLANT = 57
"""A turn by less than a degree (1 / 57 across) is none, as FFmpeg has it."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """Transformation of a decoded picture to the shown one: the axes are exchanged first, then mirrored."""

    swap: bool
    """Rows become columns."""
    flip_rows: bool
    """Then top and bottom change places."""
    flip_columns: bool
    """Then left and right do."""

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) as decoded, to the picture shown; a view."""
        turned = picture.swapaxes(0, 1) if self.swap else picture
        return turned[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


UPRIGHT = Orientation(False, False, False)


def orientation(frame: VideoFrame) -> Orientation | None:
    """Return a frame's rotation or mirroring for display; UPRIGHT where the file states none.

    The matrix takes x and y of the picture to a x + c y and b x + d y of the display. None for one that
    neither keeps
    the axes nor swaps them.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        return UPRIGHT
    a, b, c, d = matrix
    kept, swapped = sorted((abs(a), abs(d))), sorted((abs(b), abs(c)))
    if SLANT * swapped[1] < kept[0]:
        return Orientation(False, d < 0, a < 0)
    return Orientation(True, b < 0, c < 0) if SLANT * kept[1] < swapped[0] else None


def _display_matrix(frame: VideoFrame) -> tuple[float, float, float, float] | None:
    """(a, b, c, d)."""
    try:
        sides: Iterable[SideData] = frame.side_data  # type: ignore[assignment]  # its stub says that it yields names
    except (
        ValueError
    ):  # PyAV 18.1 knows not all kinds of side data (a JPEG's EXIF), but the angle it can tell
        turn = math.radians(-frame.rotation)
        return math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn)
    for side in sides:
        if side.type is Type.DISPLAYMATRIX:
            a, b, _, c, d = np.frombuffer(memoryview(side), np.int32)[:5].tolist()
            return a, b, c, d
    return None
