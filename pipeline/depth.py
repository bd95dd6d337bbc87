"""Depth as a video: UTD-MHAD's depth `.mat` played frame by frame, and millimetres turned into 8 bits.

How one channel enters a network: crops are stored with C = 1. A video network that is trained on depth has
a stem of one input channel (`in_channels=1`); one that starts from RGB weights gets the channel three times
over, which the stage that feeds it does, so that the store stays a third of the size.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError, VideoError
from pipeline.matfile import read_mat
from pipeline.values import Skeleton
from pipeline.versions import major_minor
from pipeline.video import VideoFacts, check_wanted

KINECT_FPS = 30.0
"""Frames per second of the first Kinect (UTD-MHAD; Chen, Jafari and Kehtarnavaz, ICIP 2015)."""

NUM_DEPTHS = 1 << 16
"""Values that 16 bits of millimetres can take."""


class MatDepthVideo:
    """A depth recording in a `.mat` file: `key` is (H, W, T), whole millimetres, 0: not measured."""

    def __init__(self, path: Path, *, key: str = "d_depth", fps: float = KINECT_FPS) -> None:
        self.path = path
        self.key = key
        self.fps = fps

    @property
    def decoder(self) -> str:
        """SciPy, which reads the file."""
        return f"scipy {major_minor('scipy')}"

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
        """As `frames`."""
        return self.frames(wanted)

    def _read(self) -> NDArray[np.uint16]:
        """(H, W, T); refuses what 16 bits of whole millimetres cannot hold."""
        depth = read_mat(self.path, self.key, 3, VideoError)
        with np.errstate(invalid="ignore"):  # NaN is refused below, by not being equal
            whole = depth.astype(np.uint16, copy=False)
        if not np.array_equal(depth, whole):
            raise VideoError(f"{self.path.name}: {self.key} must be whole millimetres from 0 to 65535")
        return whole


def person_distance_mm(skeleton: Skeleton) -> float:
    """Millimetres from the camera to the person: median z of all present joints over the whole clip.

    One number a clip, so that a step towards the camera stays visible.
    """
    z = skeleton.joints_3d[..., 2][skeleton.score > 0]
    known = z[np.isfinite(z) & (z > 0)]
    if known.size == 0:
        raise SkeletonError("the person's distance needs a 3-D joint in front of the camera, there is none")
    return float(np.median(known)) * 1000.0


def depth_to_uint8(
    depth_mm: NDArray[np.uint16], *, person_mm: float, range_m: float = 1.0
) -> NDArray[np.uint8]:
    """Depth of any shape, relative to the person's distance: nearer is brighter.

    255 · clip(½ - (d - d_person) / (2 · 1000 · range_m), 0, 1), rounded to even. The person's distance
    gives 128, range_m nearer and beyond 255, range_m farther and beyond 0. Where nothing was measured
    (d = 0): 0, as for the far background, though no distance is known there.
    Example: d_person = 3000, range 1 m: 2000 → 255, 2500 → 191, 3000 → 128, 3500 → 64, 4000 → 0, 0 → 0.
    """
    if not (range_m > 0 and np.isfinite(person_mm)):
        raise ValueError(f"range_m must be above 0 and person_mm finite, got {range_m} and {person_mm}")
    return np.asarray(_greys(person_mm, range_m)[depth_mm])


@lru_cache(maxsize=4)
def _greys(person_mm: float, range_m: float) -> NDArray[np.uint8]:
    """(NUM_DEPTHS,): the grey of every depth; one table serves all frames of a clip."""
    relative = 0.5 - (np.arange(NUM_DEPTHS) - person_mm) / (2000.0 * range_m)
    table: NDArray[np.uint8] = np.rint(255.0 * np.clip(relative, 0.0, 1.0)).astype(np.uint8)
    table[0] = 0
    return table
