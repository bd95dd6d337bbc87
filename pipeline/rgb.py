"""From decoded frames to RGB, converting no more of each than a window of it.

Every pixel is the one that converting the whole frame gives: a window is widened to where FFmpeg's converter
starts anew anyway, and what that cannot be known of (other pixel formats, odd heights) is converted whole.

Where it gives the same pixels, they come four bytes each, red, green, blue and a filler: to convert to four and
to shrink four takes a fifth less time than three.
"""

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.values import Box

PLANAR_420 = ("yuv420p", "yuvj420p")
"""One byte a sample, and one colour sample for 2 x 2 pixels: what nearly every video is made of."""

COLUMNS = 32
"""The converter works on this many columns at a time, or on a divisor of it; the rest is the right edge's."""

FILLED = 4
"""Channels of RGB with a filler."""

WORTH_SHARE = 0.8
"""A window larger than this share of the frame costs more to copy out than it saves."""


class RgbConverter:
    """Converts the frames of one video. One for all of them: making one costs as much as its work."""

    def __init__(self, name: str, window: Box | None = None) -> None:
        """`name` is the video's, for messages; without a `window` the whole frame is converted."""
        self._name = name
        self._window = window
        self._reformatter = VideoReformatter()
        self._patch: VideoFrame | None = None
        self._targets: list[NDArray[np.uint8]] = []

    def __call__(self, frame: VideoFrame, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, upright: what lies in both the frame and the window; with one, (H, W, 4) too."""
        turns = self._quarter_turns(frame, number)
        around = None if turns or self._window is None else _widened(self._window, frame)
        if around is None:
            rgb = self._rgb(frame)
            upright = np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
            return upright[inside(self._window)]
        rows, columns = inside(self._window)
        return self._rgb(self._cut_out(frame, around))[
            rows.start - around.top : rows.stop - around.top,
            columns.start - around.left : columns.stop - around.left,
        ]

    def _quarter_turns(self, frame: VideoFrame, number: int) -> int:
        turns, rest = divmod(frame.rotation, 90)
        if rest:
            raise VideoError(
                f"{self._name}: frame {number}: turned by {frame.rotation} degrees, not a multiple of 90; "
                "encode it upright"
            )
        return turns

    def _rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        filled = self._window is not None and _even_420(frame) and frame.width % COLUMNS == 0
        form = "rgba" if filled else "rgb24"
        rgb = self._reformatter.reformat(frame, format=form, threads=1)  # the workers are the parallelism
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)

    def _cut_out(self, frame: VideoFrame, box: Box) -> VideoFrame:
        """The same frame of smaller size; one, filled anew each time."""
        if self._patch is None or (self._patch.width, self._patch.height) != (box.width, box.height):
            self._patch = VideoFrame(box.width, box.height, frame.format.name)
            self._targets = [_samples(plane) for plane in self._patch.planes]
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(self._patch, name, getattr(frame, name))
        for place, (source, target) in enumerate(zip(frame.planes, self._targets, strict=True)):
            halves = int(place > 0)
            rows = slice(box.top >> halves, box.bottom >> halves)
            columns = slice(box.left >> halves, -(-box.right >> halves))
            pixels = _samples(source)[rows, columns]
            target[: pixels.shape[0], : pixels.shape[1]] = pixels
        return self._patch


def _samples(plane: Any) -> NDArray[np.uint8]:
    """(rows, bytes of a row) of one plane of a frame, in place; rows may be longer than the picture is wide."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _even_420(frame: VideoFrame) -> bool:
    """What the converter has a fast way for; that way to RGBA leaves a rest of 1 to 4 columns unconverted."""
    return frame.format.name in PLANAR_420 and frame.height % 2 == 0


def _widened(window: Box, frame: VideoFrame) -> Box | None:
    """The part of the frame to convert; None where it must be, or may as well be, all of it.

    Columns 41 to 97 of 640: 32 to 128. Columns 41 to 650 of 650: 32 to 650, so that the right edge stays one.
    """
    if not _even_420(frame):
        return None
    left, top = max(window.left, 0) // COLUMNS * COLUMNS, max(window.top, 0) // 2 * 2
    right = min(-(-window.right // COLUMNS) * COLUMNS, frame.width)
    bottom = min(-(-window.bottom // 2) * 2, frame.height)
    if left >= right or top >= bottom:
        return None
    if (right - left) * (bottom - top) > WORTH_SHARE * frame.width * frame.height:
        return None
    return Box(left, top, right, bottom)


def inside(window: Box | None) -> tuple[slice, slice]:
    """Rows and columns of the window, to slice a frame with; all of them without a window."""
    if window is None:
        return slice(None), slice(None)
    return (
        slice(max(window.top, 0), max(window.bottom, 0)),
        slice(max(window.left, 0), max(window.right, 0)),
    )
