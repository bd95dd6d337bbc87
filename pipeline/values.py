"""The values that flow between stages: frozen, and they refuse nonsense when they are made.

One alphabet everywhere: N clips, A views, T frames, M people, V joints, C channels, H, W.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BoxError, ClipError, SamplingError, SkeletonError
from pipeline.shown import ShownByShape

Split = Literal["train", "test", "unused"]
"""`unused` where a protocol leaves a clip out, as each of HMDB51's three splits leaves out a quarter."""

CLIP_ID_BYTES = 64
"""Longest clip id, in ASCII bytes: ids are stored at fixed width."""

MOST = 2**31 - 1
"""Largest label, subject, camera and set-up: catalogs hold them in 32 bits."""

WHOLE = -1
"""Stands for the end of a clip that is all of its recording."""

UNKNOWN = -1
"""Stands for a subject, camera or set-up that the dataset does not name."""


def can_be_id(name: str) -> bool:
    """Whether `name` is 1 to 64 printable ASCII characters."""
    return name.isascii() and name.isprintable() and 0 < len(name) <= CLIP_ID_BYTES


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, or a part of one: who did what, seen from where, and where its files lie."""

    clip_id: str
    label: int
    video: str
    """Path of the video, relative to the dataset's folder."""
    skeleton: str | None = None
    """Path of the skeleton file, relative to the dataset's folder; None where there is none."""
    subject: int = UNKNOWN
    camera: int = UNKNOWN
    setup: int = UNKNOWN
    name: str = ""
    """The dataset's own name, where that cannot be an id (`pipeline.datasets.clip_ids`); else empty."""
    start: int = 0
    """First frame of the recording that belongs to the clip."""
    end: int = WHOLE
    """The frame after the clip's last one in its recording; WHOLE where the clip is the recording."""

    def __post_init__(self) -> None:
        if not can_be_id(self.clip_id):
            raise ClipError(
                f"clip id must be 1 to {CLIP_ID_BYTES} printable ASCII characters, got {self.clip_id!r:.100}"
            )
        if not 0 <= self.label <= MOST:
            raise ClipError(f"{self.clip_id}: label must be from 0 to {MOST}, got {self.label!r:.40}")
        for what in ("subject", "camera", "setup"):
            if not UNKNOWN <= getattr(self, what) <= MOST:
                raise ClipError(
                    f"{self.clip_id}: {what} must be a whole number from 0 to {MOST}, "
                    f"got {getattr(self, what)!r:.40}; number them"
                )

        if self.start < 0 or (self.end != WHOLE and not self.start < self.end <= MOST) or self.start > MOST:
            raise ClipError(
                f"{self.clip_id}: a clip needs start < end, from 0 to {MOST}, got frames {self.start} to {self.end}"
            )
        if self.end == WHOLE and self.start:
            raise ClipError(f"{self.clip_id}: a clip that starts at frame {self.start} needs an end")

    @property
    def interval(self) -> str:
        """Its frames as "start:end"; empty where it is the whole recording."""
        return "" if self.end == WHOLE else f"{self.start}:{self.end}"

    @property
    def own_name(self) -> str:
        """The dataset's own name of the clip."""
        return self.name or self.clip_id


SKELETON_DTYPES = {"joints_3d": "float32", "joints_2d": "float32", "score": "float32", "video_frame": "int32"}
"""NumPy dtypes of a skeleton's arrays."""


@dataclass(frozen=True, slots=True, repr=False)
class Skeleton(ShownByShape):
    """Joints of every person in one clip. T frames, M people, V joints."""

    joints_3d: NDArray[np.float32]
    """(T, M, V, 3): metres in the camera's frame; NaN where a joint is unknown."""

    joints_2d: NDArray[np.float32]
    """(T, M, V, 2): x and y in pixels of the source frame; NaN where a joint is unknown."""

    score: NDArray[np.float32]
    """(T, M, V): confidence in [0, 1]; 0 where a person is absent."""

    video_frame: NDArray[np.int32]
    """(T,): the video frame that each skeleton frame shows; rises strictly."""

    def __post_init__(self) -> None:
        wrong = [
            f"{name} is {getattr(self, name).dtype} and must be {dtype}"
            for name, dtype in SKELETON_DTYPES.items()
            if getattr(self, name).dtype != dtype
        ]
        if wrong:
            raise SkeletonError(f"{', '.join(wrong)}: convert with astype")
        if self.score.ndim != 3 or 0 in self.score.shape:
            raise SkeletonError(f"score must be (T, M, V), none of them 0, got {self.score.shape}")
        for name, joints, axes in (("joints_3d", self.joints_3d, 3), ("joints_2d", self.joints_2d, 2)):
            if joints.shape != (*self.score.shape, axes):
                raise SkeletonError(
                    f"{name} must be {(*self.score.shape, axes)} to match score, got {joints.shape}"
                )
        if self.video_frame.shape != self.score.shape[:1]:
            raise SkeletonError(f"video_frame must be {self.score.shape[:1]}, got {self.video_frame.shape}")
        if np.any(np.diff(self.video_frame) <= 0) or self.video_frame[0] < 0:
            raise SkeletonError("video_frame must start at 0 or later and rise strictly")
        if not (np.all(self.score >= 0) and np.all(self.score <= 1)):
            raise SkeletonError("score must lie in [0, 1] and hold no NaN")

    @property
    def num_frames(self) -> int:
        """T, the skeleton's own frames."""
        return int(self.score.shape[0])

    @property
    def present(self) -> NDArray[np.bool_]:
        """(T, M): whether a person is there in a frame."""
        return np.asarray(self.score.max(axis=2) > 0)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the source frame; half open: x in [left, right), y in [top, bottom).

    May reach outside the frame; what lies outside is filled with zeros when cropped.
    """

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise BoxError(f"a box needs left < right and top < bottom, got {self}")

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True, repr=False)
class Samples(ShownByShape):
    """Video frames that each view of a clip shows."""

    frames: NDArray[np.int32]
    """(A, T): frame numbers, each in [0, num_frames); may repeat where a clip is short."""

    num_frames: int
    """Frames of the clip that could be chosen from."""

    def __post_init__(self) -> None:
        if self.frames.ndim != 2 or 0 in self.frames.shape:
            raise SamplingError(f"frames must be (A, T), none of them 0, got {self.frames.shape}")
        if self.frames.min() < 0 or self.frames.max() >= self.num_frames:
            raise SamplingError(
                f"frame numbers must lie in [0, {self.num_frames}), got {self.frames.min()} to {self.frames.max()}"
            )

    @property
    def coverage(self) -> float:
        """Share of the clip between the first and the last sampled frame, in [0, 1]; mean over views."""
        span = self.frames.max(axis=1) - self.frames.min(axis=1) + 1
        return float(np.mean(span / self.num_frames))
