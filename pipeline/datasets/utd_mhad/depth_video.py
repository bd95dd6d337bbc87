"""UTD-MHAD's depth recordings, `.mat` files played frame by frame as a video."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.utd_mhad.matfile import read_mat
from pipeline.errors import VideoError
from pipeline.video.video import VideoFacts, check_wanted

KINECT_FPS = 30.0
"""Frames per second of the first Kinect (UTD-MHAD; Chen, Jafari and Kehtarnavaz, ICIP 2015)."""


class MatDepthVideo:
    """A depth recording in a `.mat` file: `key` is (H, W, T), whole millimetres, 0: not measured."""

    def __init__(self, path: Path, *, key: str = "d_depth", fps: float = KINECT_FPS) -> None:
        self.path = path
        self.key = key
        self.fps = fps

    def probe(self) -> VideoFacts:
        """Read the whole file, 20 ms: only so is one that was cut short found."""
        height, width, num_frames = self._read().shape
        return VideoFacts(num_frames, height, width, self.fps, None)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Yield (number, (H, W) uint16 millimetres) for each wanted frame."""
        numbers = check_wanted(wanted)
        depth = self._read()
        for number in numbers:
            if number >= depth.shape[2]:
                raise VideoError(f"{self.path.name}: holds {depth.shape[2]} frames, frame {number} is wanted")
            yield number, np.ascontiguousarray(depth[:, :, number])

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Yield the same as `frames`."""
        return self.frames(wanted)

    def _read(self) -> NDArray[np.uint16]:
        """(H, W, T); refuses what 16 bits of whole millimetres cannot hold."""
        depth = read_mat(self.path, self.key, 3, VideoError)
        with np.errstate(invalid="ignore"):  # NaN is refused below, by not being equal
            whole = depth.astype(np.uint16, copy=False)
        if not np.array_equal(depth, whole):
            raise VideoError(f"{self.path.name}: {self.key} must be whole millimetres from 0 to 65535")
        return whole
