"""The interface of a dataset. To add one: a folder with such a class, and its line in `names.DATASETS`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from cache.conventions import license_attributes
from pipeline.errors import DatasetError, ParamError, SkeletonError
from pipeline.values import Clip, Skeleton, Split

if TYPE_CHECKING:
    from pipeline.skeleton.layouts import Layout
    from pipeline.video.video import VideoSource

Modality = Literal["rgb", "depth", "none"]
"""`none`: skeletons alone, no clip has a video."""
Axis = Literal["subject", "camera", "setup"]

FLAGS = (
    "no_body_frames",
    "third_body",
    "nan_joints",
    "body_dropped",
    "joined_bodies",
    "one_body_lost",
    "length_mismatch",
    "implausible_joints",
    "empty_packets",
    "undecodable_start",
    "shared_packets",
    "hidden_frames",
    "uneven_times",
    "interlaced",
    "several_videos",
    "nobody_found",
    "filled_joints",
    "short_body",
    "lying_body",
)
"""Quality flags that reading a clip may raise: `pipeline.datasets.ntu.bodies.select_bodies`,
`pipeline.pose.estimate` and `pipeline.skeleton.gaps` say what each of the skeleton's means,
`pipeline.decoding.numbering` each of the video's. A
place here is a bit in the rows of stores, cached ones too: new flags stand last, and none is moved or reused. A store
names its bits itself (attribute `flags`)."""


ABSURD = 1e6
"""Metres or pixels beyond which no unit makes sense of a number: such a joint is unknown, as infinity is."""


UNSTATED_LICENCE = "As the data's owner says"
"""The licence of recordings whose terms nobody told us."""


def _license(stated: str) -> dict[str, Any]:
    """The convention's attributes: an SPDX identifier where the words are one (CC BY 4.0), else the words."""
    try:
        spdx = canonicalize_license_expression(stated.replace(" ", "-"))
    except InvalidLicenseExpression:
        return license_attributes(spdx=None, text=stated)
    return license_attributes(spdx=spdx, text=None)


@dataclass(frozen=True, slots=True)
class Card:
    """Origin and terms of the data, which go with every store made from it."""

    title: str
    licence: str
    citation: str
    url: str

    @property
    def attrs(self) -> dict[str, Any]:
        """Return the card as attributes of a store; those of the Zarr convention `license` where one is stated."""
        said = {"title": self.title, "licence": self.licence, "citation": self.citation, "url": self.url}
        return {**said, **({} if self.licence == UNSTATED_LICENCE else _license(self.licence))}


@dataclass(frozen=True, slots=True)
class Listing:
    """Contents of a dataset's folder. Nothing is dropped silently: it is a clip, a failure, or counted."""

    clips: tuple[Clip, ...]
    """Readable clips, sorted by id."""

    failures: tuple[tuple[str, str, str], ...] = ()
    """(clip id, error class, reason) of what lies there and cannot be used, sorted."""

    absent: Mapping[str, int] = field(default_factory=dict)
    """Number of missing files by kind: a partial download is welcome."""

    incomplete: tuple[tuple[str, str, str], ...] = ()
    """(clip id, error class, reason) of what lies there in part, sorted: listed by name, and no failure."""

    unlisted: tuple[str, ...] = ()
    """Recordings that lie there and that the dataset's own list does not name, by their paths from its folder."""

    def __post_init__(self) -> None:
        ids = [clip.clip_id for clip in self.clips]
        if any(late <= early for early, late in pairwise(ids)):
            raise DatasetError("a listing's clips must be sorted by id, and no id may stand twice")


class Dataset(Protocol):
    """One dataset in one folder. Built with that folder and with options, which are keywords only."""

    name: str
    """Its name in messages; of ours, the key in DATASETS."""
    layout: "Layout"
    """Joint layout of its skeletons."""

    @property
    def modality(self) -> Modality:
        """Modality of its videos: decides whether frames are (H, W, 3) uint8 or (H, W) uint16 millimetres."""

    classes: tuple[str, ...]
    """Names of the labels 0, 1, …"""
    card: Card
    max_persons: int
    """M of every skeleton."""
    protocols: tuple[str, ...]
    """Names of its ways to split."""

    def listing(self) -> Listing:
        """List the folder; the same object at every call. Raises DatasetError where it is empty."""

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the side of `protocol` that a clip is on. Raises ParamError for an unknown protocol."""

    def axis(self, protocol: str) -> Axis:
        """Return what differs between the sides of `protocol`, along which validation is held out too."""

    def sources(self, clip: Clip) -> dict[str, Path]:
        """The files that a clip is made of, `video` and, where there is one, `skeleton` among the keys."""

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """The clip's joints, M = max_persons, frames as the skeleton counts them; and FLAGS found."""

    def open_video(self, clip: Clip) -> "VideoSource":
        """The clip's video; nothing is read yet."""


@runtime_checkable
class Digested(Protocol):
    """A dataset of many clips in one file: the file's digest says nothing of a single clip."""

    def digests(self, clip: Clip) -> dict[str, str]:
        """sha256 of the clip's own part, for those of its `sources` that are shared."""


@runtime_checkable
class PartlyDark(Protocol):
    """A dataset that knows which of its clips were filmed in the dark."""

    def is_dark(self, clip: Clip) -> bool:
        """Whether this clip was."""


def check_official(name: str, protocol: str, sides: Sequence[Split], expected: tuple[int, int]) -> None:
    """DatasetError where all clips of a dataset are there, and its sides are not as large as its owners say.

    sides: of every clip that can be used. expected: clips that train, and that test.
    """
    found = sides.count("train"), sides.count("test")
    if len(sides) >= sum(expected) and found != expected:
        raise DatasetError(
            f"{name}: {protocol}: all {len(sides):,} clips are there; expected {expected[0]:,} to train and "
            f"{expected[1]:,} to test, found {found[0]:,} and {found[1]:,}: names that were changed, or files that are "
            "not of it; fetch it again"
        )


def fit_to_video(skeleton: Skeleton, num_video_frames: int) -> tuple[Skeleton, frozenset[str]]:
    """Drop the skeleton frames beyond the video's end; `length_mismatch` where the two lengths differ.

    Example: a skeleton of frames 0 … 81 and a video of 80 frames: frames 0 … 79 stay, flagged.
    """
    length = int(skeleton.video_frame[-1]) + 1
    if length == num_video_frames:
        return skeleton, frozenset()
    kept = int(np.searchsorted(skeleton.video_frame, num_video_frames))
    if kept == 0:
        raise SkeletonError(
            f"all skeleton frames lie beyond the video: the first is {skeleton.video_frame[0]}, "
            f"the video has {num_video_frames} frames"
        )
    fitted = Skeleton(
        joints_3d=skeleton.joints_3d[:kept],
        joints_2d=skeleton.joints_2d[:kept],
        score=skeleton.score[:kept],
        video_frame=skeleton.video_frame[:kept],
    )
    return fitted, frozenset({"length_mismatch"})


def without_absurd(skeleton: Skeleton, layout: "Layout") -> tuple[Skeleton, frozenset[str]]:
    """Joints beyond ABSURD made unknown; `implausible_joints` where one lies beyond what the layout's sensor sees.

    A joint at 1e30 makes infinity of a clip's features and, in training, of all weights; one that only lies too far
    away stays, and is flagged.
    """
    metres, pixels = np.abs(skeleton.joints_3d), np.abs(skeleton.joints_2d)
    if not (np.any(metres > layout.farthest_metres) or np.any(pixels > layout.farthest_pixels)):
        return skeleton, frozenset()
    far = np.asarray((metres > ABSURD).any(axis=3))
    wide = np.asarray((pixels > ABSURD).any(axis=3))
    kept = Skeleton(
        joints_3d=np.where(far[..., None], np.float32(np.nan), skeleton.joints_3d),
        joints_2d=np.where(wide[..., None], np.float32(np.nan), skeleton.joints_2d),
        score=np.where(far | wide, np.float32(0), skeleton.score),
        video_frame=skeleton.video_frame,
    )
    if not kept.present.any():
        raise SkeletonError(f"every joint lies beyond {ABSURD:g} metres or pixels: these are no coordinates")
    return kept, frozenset({"implausible_joints"})


def check_choice(value: object, choices: Sequence[object], what: str) -> None:
    """ParamError, with the nearest choice, where `value` is none of `choices`."""
    if value in choices:
        return
    near = get_close_matches(str(value), [str(choice) for choice in choices], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ParamError(f"{what} must be one of {list(choices)}, got {value!r}{hint}")
