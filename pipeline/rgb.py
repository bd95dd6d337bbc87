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
        self._kind: tuple[str, int, int, int] | None = None
        self._patch: _Patch | None = None
        self._format = "rgb24"

    def __call__(self, frame: VideoFrame, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, upright: what lies in both the frame and the window; with one, (H, W, 4) too."""
        turns = self._quarter_turns(frame, number)
        kind = frame.format.name, frame.width, frame.height, turns
        if kind != self._kind:
            self._kind, self._patch = kind, None if turns else _patch(self._window, frame)
            self._format = self._format_of(frame if self._patch is None else self._patch.frame)
        if self._patch is not None:
            return self._rgb(self._patch.filled(frame))[self._patch.shown]
        rgb = self._rgb(frame)
        upright = np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
        return upright[inside(self._window)]

    def _quarter_turns(self, frame: VideoFrame, number: int) -> int:
        turns, rest = divmod(frame.rotation, 90)
        if rest:
            raise VideoError(
                f"{self._name}: frame {number}: turned by {frame.rotation} degrees, not a multiple of 90; "
                "encode it upright"
            )
        return turns

    def _rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        threads = 1  # the workers are the parallelism
        rgb = self._reformatter.reformat(frame, format=self._format, threads=threads)
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)

    def _format_of(self, frame: VideoFrame) -> str:
        filled = self._window is not None and _even_420(frame) and frame.width % COLUMNS == 0
        return "rgba" if filled else "rgb24"


class _Patch:
    """A smaller frame for the window's surroundings, filled anew from each frame of one size and format."""

    def __init__(self, around: Box, window: Box, frame: VideoFrame) -> None:
        """`around` is the part of the frame to convert, `shown` what the window shows of that."""
        rows, columns = inside(window)
        self.shown = (
            slice(rows.start - around.top, rows.stop - around.top),
            slice(columns.start - around.left, columns.stop - around.left),
        )
        self.frame = VideoFrame(around.width, around.height, frame.format.name)
        self._planes = [_samples(plane) for plane in self.frame.planes]
        self._parts = [
            (slice(around.top >> halves, around.bottom >> halves), slice(around.left >> halves, end))
            for halves, end in ((0, around.right), (1, -(-around.right // 2)), (1, -(-around.right // 2)))
        ]

    def filled(self, frame: VideoFrame) -> VideoFrame:
        """The patch, with the frame's samples and what their colours mean."""
        self.frame.colorspace, self.frame.color_range = frame.colorspace, frame.color_range
        for source, target, part in zip(frame.planes, self._planes, self._parts, strict=True):
            samples = _samples(source)[part]
            target[: samples.shape[0], : samples.shape[1]] = samples
        return self.frame


def _patch(window: Box | None, frame: VideoFrame) -> _Patch | None:
    around = None if window is None else _widened(window, frame)
    return None if window is None or around is None else _Patch(around, window, frame)


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
