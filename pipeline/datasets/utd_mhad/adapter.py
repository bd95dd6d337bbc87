"""UTD-MHAD: skeletons of the first Kinect, with its depth recordings or the RGB videos as video modality."""

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.find_files import FoundFiles, find_clips
from pipeline.datasets.no_video import without_video
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice, check_official
from pipeline.datasets.utd_mhad.depth_video import MatDepthVideo
from pipeline.datasets.utd_mhad.skeleton_file import one_person, project, read_joints_2d, read_joints_3d
from pipeline.errors import ClipError, DatasetError, SkeletonError, VideoError
from pipeline.skeleton.layouts import UTD_20
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoSource

CLASSES = (
    "right arm swipe to the left", "right arm swipe to the right", "right hand wave", "two hand front clap",
    "right arm throw", "cross arms in the chest", "basketball shoot", "right hand draw x",
    "right hand draw circle (clockwise)", "right hand draw circle (counter clockwise)", "draw triangle",
    "bowling (right hand)", "front boxing", "baseball swing from right", "tennis right hand forehand swing",
    "arm curl (two arms)", "tennis serve", "two hand push", "right hand knock on door",
    "right hand catch an object", "right hand pick up and throw", "jogging in place", "walking in place",
    "sit to stand", "stand to sit", "forward lunge (left foot forward)", "squat (two arms stretch out)",
)  # fmt: skip
"""Names of actions 1 to 27, as the dataset's page lists them."""

TRAIN_SUBJECTS = frozenset((1, 3, 5, 7))
"""Cross-subject protocol of Chen, Jafari and Kehtarnavaz (ICIP 2015); subjects 2, 4, 6 and 8 test."""

SIDES = (431, 430)
"""Clips that train and that test."""

NUM_CLIPS = sum(SIDES)
"""Recordings of the whole dataset: 27 actions, 8 subjects, 4 trials, less 3 that are corrupt."""

PATTERNS = {
    kind: re.compile(rf"(?P<clip_id>a\d{{1,2}}_s\d_t\d)_{ending}")
    for kind, ending in (
        ("skeleton", r"skeleton\.mat"),
        ("depth", r"depth\.mat"),
        ("rgb", r"color\.avi"),
        ("joints2d", r"joints2d\.(?:npy|csv)"),
    )
}
"""Names of its files by kind; `joints2d` are the user's own."""

EXPECTED = "Skeleton/a1_s1_t1_skeleton.mat … and Depth/a1_s1_t1_depth.mat … (or RGB/a1_s1_t1_color.avi …)"
"""The files, as a user reads them in a message."""

CLIP_ID = re.compile(r"a(\d{1,2})_s(\d)_t(\d)")

NUM_SUBJECTS = 8

NO_SKELETON = "skeleton file missing: its video is there; fetch the skeleton too"
NO_VIDEO = "video missing: its skeleton is there; fetch the video too"

FRAME_SIZES = {"depth": (240, 320), "rgb": (480, 640)}
"""(H, W) of the pictures."""


class UtdMhad:
    """UTD-MHAD, `a<action>_s<subject>_t<trial>_….mat`, in any folders below the root.

    modality: `depth` plays `…_depth.mat`; `rgb` plays `…_color.avi` and takes the 2-D joints, which the
    dataset does not give for it, from your own `…_joints2d.npy`, (T, 20, 2) pixels of RGB frames, NaN where
    unknown, or `…_joints2d.csv`, a line a frame: x and y of joint 0, of joint 1, … Where the folder holds no such
    recording at all, its skeletons alone.

    The dataset has no joint scores: 1 stands in wherever a joint is known, 0 where it is not.
    Joints named left lie at image left, the reverse of NTU RGB+D: it is so in the data.
    """

    name = "utd_mhad"
    layout = UTD_20
    classes: tuple[str, ...] = CLASSES
    protocols: tuple[str, ...] = ("cross_subject",)
    max_persons = 1
    card = Card(
        title="UTD-MHAD",
        licence="Research use; features derived from it carry that term with them",
        citation=(
            "C. Chen, R. Jafari, N. Kehtarnavaz: UTD-MHAD: A Multimodal Dataset for Human Action Recognition "
            "Utilizing a Depth Camera and a Wearable Inertial Sensor, ICIP 2015"
        ),
        url="https://personal.utdallas.edu/~kehtar/UTD-MHAD.html",
    )

    def __init__(self, root: Path, *, modality: Literal["depth", "rgb"] = "depth") -> None:
        check_choice(modality, ("depth", "rgb"), "utd_mhad: modality")
        self.root = Path(root)
        self.played = modality
        self._check_sides = cache(self._refuse_other_sides)

    @property
    def modality(self) -> Modality:
        """The requested modality; `none` where there are no such recordings."""
        return self.played if self._files.paths[self.played] else "none"

    def listing(self) -> Listing:
        """Clips with video and skeleton; a skeleton without a video is incomplete, a video without one fails."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Subjects 1, 3, 5 and 7 train. Raises DatasetError where the whole dataset has sides of other sizes."""
        check_choice(protocol, self.protocols, "protocol of UTD-MHAD")
        self._check_sides(protocol)
        return _side(clip)

    def axis(self, protocol: str) -> Axis:
        """Return the axis of every protocol: subjects."""
        check_choice(protocol, self.protocols, "protocol of UTD-MHAD")
        return "subject"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Video, skeleton and, with RGB, the 2-D joints."""
        found = {"skeleton": self._skeleton_path(clip)}
        if clip.video:
            found["video"] = self.root / clip.video
        if self.played == "rgb" and clip.clip_id in self._joints2d:
            found["joints2d"] = self.root / self._joints2d[clip.clip_id]
        return found

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Joints in metres, and in pixels: projected into the depth image, or from your file for RGB."""
        path = self._skeleton_path(clip)
        joints_3d = read_joints_3d(path)
        joints_2d = project(joints_3d) if self.played == "depth" else self._rgb_joints(clip, len(joints_3d))
        return one_person(joints_3d, joints_2d, path.name)

    def open_video(self, clip: Clip) -> VideoSource:
        """The depth recording, or the RGB video; with skeletons alone, what they tell of it."""
        if not clip.video:
            num_frames = len(read_joints_3d(self._skeleton_path(clip)))
            return without_video(clip.clip_id, num_frames, FRAME_SIZES[self.played])
        path = self.root / clip.video
        return MatDepthVideo(path) if self.played == "depth" else AvVideo(path)

    def _skeleton_path(self, clip: Clip) -> Path:
        if clip.skeleton is None:
            raise SkeletonError(f"{clip.clip_id}: {NO_SKELETON}")
        return self.root / clip.skeleton

    def _rgb_joints(self, clip: Clip, num_frames: int) -> NDArray[np.float64]:
        joints2d = self._joints2d.get(clip.clip_id)
        if joints2d is None:
            raise SkeletonError(
                f"{clip.clip_id}: modality rgb needs 2-D joints in RGB pixels, which UTD-MHAD does not give: "
                f"put {clip.clip_id}_joints2d.npy ({num_frames}, 20, 2) beside it, or use modality depth"
            )
        return read_joints_2d(self.root / joints2d, num_frames)

    def _refuse_other_sides(self, protocol: str) -> None:
        check_official(self.name, protocol, [_side(clip) for clip in self._listing.clips], SIDES)

    @cached_property
    def _files(self) -> FoundFiles:
        return find_clips(self.root, self.name, PATTERNS, expected=EXPECTED)

    @property
    def _joints2d(self) -> Mapping[str, str]:
        return self._files.paths["joints2d"]

    @cached_property
    def _listing(self) -> Listing:
        videos, skeletons = self._files.paths[self.played], self._files.paths["skeleton"]
        there = videos.keys() if videos else skeletons.keys()
        lone_videos, lone_skeletons = there - skeletons.keys(), skeletons.keys() - there
        failures = dict.fromkeys(lone_videos, (SkeletonError.__name__, NO_SKELETON))
        failures |= {c: (DatasetError.__name__, why) for c, why in self._files.unclear.items() if c in there}
        clips = []
        for clip_id in sorted(there - failures.keys()):
            try:
                clips.append(_clip(clip_id, videos.get(clip_id, ""), skeletons[clip_id]))
            except ClipError as error:
                failures[clip_id] = (type(error).__name__, str(error))
        return Listing(
            clips=tuple(clips),
            failures=tuple((clip_id, *why) for clip_id, why in sorted(failures.items())),
            absent={
                "video missing": len(lone_skeletons),
                "skeleton missing": len(lone_videos),
                "video and skeleton missing": max(0, NUM_CLIPS - len(videos.keys() | skeletons.keys())),
            },
            incomplete=tuple((clip_id, VideoError.__name__, NO_VIDEO) for clip_id in sorted(lone_skeletons)),
        )


def _side(clip: Clip) -> Split:
    return "train" if clip.subject in TRAIN_SUBJECTS else "test"


def _clip(clip_id: str, video: str, skeleton: str) -> Clip:
    """The clip that a name like a12_s3_t4 tells of: action, subject, trial."""
    match = CLIP_ID.fullmatch(clip_id)
    if match is None or not 1 <= int(match[1]) <= len(CLASSES) or not 1 <= int(match[2]) <= NUM_SUBJECTS:
        raise ClipError(f"{clip_id!r} names no action 1 to 27 of a subject 1 to 8; rename the file")
    return Clip(clip_id, label=int(match[1]) - 1, video=video, skeleton=skeleton, subject=int(match[2]))
