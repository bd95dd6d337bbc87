"""Motion of a clip's skeleton, and of its video, in the cells of the person's box."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.values import Box, Skeleton
from pipeline.video.video import VideoSource

Floats = NDArray[np.float64]

MOST_FRAMES = 240
"""Frames of a clip that are decoded, from its start."""

WIDTH = 96
"""Pixels to which the box is shrunk: noise and blocks of compression are averaged away."""

CELLS = 4
"""Cells across and down, in each of which motion is measured."""

MARGIN = 0.15
"""Share of the joints' extent by which the box is grown on each side."""


def skeleton_motion(skeleton: Skeleton, box: Box, num_frames: int) -> Floats:
    """(num_frames, CELLS²): the joints' way from the frame before, in each cell of `box`, by the video's numbers.

    Pixels; a joint between cells is shared out among them. Of joints without pixels (num_frames, 1): metres. NaN where
    a frame or the one before it shows no joint.
    """
    there = skeleton.score > 0
    has_pixels = bool(np.isfinite(skeleton.joints_2d[there]).any())
    joints = (skeleton.joints_2d if has_pixels else skeleton.joints_3d).astype(np.float64)
    ways = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    known = there[1:] & there[:-1] & np.isfinite(ways)
    motion = np.full((num_frames, CELLS * CELLS if has_pixels else 1), np.nan)
    for frame in range(1, skeleton.num_frames):
        number, before = skeleton.video_frame[frame], skeleton.video_frame[frame - 1]
        at = known[frame - 1]
        if number >= num_frames or number - before != 1 or not at.any():
            continue
        middles = (joints[frame] + joints[frame - 1])[at][:, :2] / 2
        motion[number] = (
            _shared_out(middles, ways[frame - 1][at], box) if has_pixels else ways[frame - 1][at].mean()
        )
    return motion


def _shared_out(points: Floats, weights: Floats, box: Box) -> Floats:
    """(CELLS²,): the weights (n,) of points (n, 2), in pixels, by their distances from the middles of the cells."""
    sides = np.array([box.width, box.height])
    places = np.clip((points - (box.left, box.top)) / sides * CELLS - 0.5, 0, CELLS - 1)
    low = np.floor(places).astype(int)
    cells = np.zeros((CELLS, CELLS))
    for right in (0, 1):
        for below in (0, 1):
            shares = np.abs(1 - np.array([right, below]) - (places - low)).prod(axis=1)
            x, y = np.minimum(low + np.array([right, below]), CELLS - 1).T
            np.add.at(cells, (y, x), weights * shares)
    return cells.reshape(-1)


def video_motion(
    source: VideoSource, box: Box, num_frames: int, grey: Callable[[NDArray[np.generic]], NDArray[np.uint8]]
) -> Floats:
    """(num_frames, CELLS²): mean difference of grey values from the frame before, in each cell of `box`.

    NaN of the first frame. Raises VideoError as the video does.
    """
    motion = np.full((num_frames, CELLS * CELLS), np.nan)
    before: NDArray[np.float32] | None = None
    for number, frame in source.frames(range(num_frames)):
        small = _small(grey(frame), box)
        if before is not None:
            change = np.abs(small - before)
            motion[number] = cv2.resize(change, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(-1)
        before = small
    return motion


def _small(grey: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
    """The box at a multiple of CELLS pixels either way."""
    cut = grey[box.top : box.bottom, box.left : box.right]
    height = CELLS * max(1, round(WIDTH * cut.shape[0] / cut.shape[1] / CELLS))
    return np.asarray(cv2.resize(cut, (WIDTH, height), interpolation=cv2.INTER_AREA), np.float32)


def to_grey(frame: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB → (H, W); what has one channel, as depth, is scaled to its own range."""
    if frame.ndim == 3:
        return np.asarray(cv2.cvtColor(np.asarray(frame, np.uint8), cv2.COLOR_RGB2GRAY))
    values = np.asarray(frame, np.float64)
    return np.asarray(np.clip(values / max(float(values.max()), 1.0) * 255, 0, 255), np.uint8)


def person_box(skeleton: Skeleton, height: int, width: int) -> Box:
    """Return the box of all joints of all frames, grown by MARGIN, cut to the frame; else the frame."""
    joints = skeleton.joints_2d[skeleton.score > 0]
    joints = joints[np.isfinite(joints).all(axis=1)]
    if not len(joints):
        return Box(0, 0, width, height)
    low, high = joints.min(axis=0), joints.max(axis=0)
    grown = MARGIN * (high - low)
    left, top = np.maximum(np.floor(low - grown), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + grown), (width, height)).astype(int)
    if right - left < 2 or bottom - top < 2:
        return Box(0, 0, width, height)
    return Box(int(left), int(top), int(right), int(bottom))
