"""Toyota Smarthome: daily activities of eighteen seniors, seen by seven cameras, with LCR-Net's skeletons."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipeline.datasets.find_files import FoundFiles, find_clips
from pipeline.datasets.no_video import without_video
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.datasets.smarthome.skeleton_file import num_frames_of, read_smarthome_skeleton
from pipeline.errors import ClipError, DatasetError, SkeletonError, VideoError
from pipeline.skeleton.layouts import SMARTHOME_13
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoSource

CLASSES = (
    "Cook.Cleandishes", "Cook.Cleanup", "Cook.Cut", "Cook.Stir", "Cook.Usestove", "Cutbread", "Drink.Frombottle",
    "Drink.Fromcan", "Drink.Fromcup", "Drink.Fromglass", "Eat.Attable", "Eat.Snack", "Enter", "Getup", "Laydown",
    "Leave", "Makecoffee.Pourgrains", "Makecoffee.Pourwater", "Maketea.Boilwater", "Maketea.Insertteabag",
    "Pour.Frombottle", "Pour.Fromcan", "Pour.Fromkettle", "Readbook", "Sitdown", "Takepills", "Uselaptop", "Usetablet",
    "Usetelephone", "Walk", "WatchTV",
)  # fmt: skip
"""The 31 activities, sorted, as names of files have them."""

CROSS_VIEW_CLASSES = (
    "Cutbread", "Drink.Frombottle", "Drink.Fromcan", "Drink.Fromcup", "Drink.Fromglass", "Eat.Attable", "Eat.Snack",
    "Enter", "Getup", "Leave", "Pour.Frombottle", "Pour.Fromcan", "Readbook", "Sitdown", "Takepills", "Uselaptop",
    "Usetablet", "Usetelephone", "Walk",
)  # fmt: skip
"""The 19 that cross-view protocols use, since the cameras they need saw them."""

TRAIN_SUBJECTS = frozenset((3, 4, 6, 7, 9, 12, 13, 15, 17, 19, 25))
"""Cross-subject training people, 19 and 25 of them for validation (Das et al., ICCV 2019); seven others test."""
TRAIN_CAMERAS = {"cv1": frozenset((1, 5)), "cv2": frozenset((1, 3, 4, 5, 6, 7))}
"""Cross-view training cameras, 5 of them for validation; camera 2 tests, and what is left over is unused."""
TEST_CAMERA = 2

PROTOCOLS: Mapping[int, tuple[str, ...]] = {31: ("cs",), 19: ("cv1", "cv2")}
"""By number of activities."""

NUM_CLIPS = 16_115
"""Clips of the paper's trimmed dataset."""

NAME = r"(?P<clip_id>[A-Za-z.]+_p\d\d_r\d\d_v\d\d_c\d\d)"
SKELETONS = {"v1.1": re.compile(rf"{NAME}\.json"), "v1.2": re.compile(rf"{NAME}_pose3d\.json")}
"""Names of the skeletons' files by release."""
VIDEO = re.compile(rf"{NAME}\.mp4")
CLIP_ID = re.compile(r"([A-Za-z.]+)_p(\d\d)_r\d\d_v\d\d_c(\d\d)")

NO_SKELETON = "skeleton file missing: its video is there; fetch the skeleton too"
NO_VIDEO = "video missing: its skeleton is there; fetch the video too"
FRAME_SIZE = (480, 640)
"""(H, W) of the videos."""


class Smarthome:
    """Toyota Smarthome, `<activity>_p<subject>_r<…>_v<…>_c<camera>.mp4` and its skeletons, in any folders.

    skeletons: `v1.2`, those that SSTA-PRS refined, `…_pose3d.json`; or `v1.1`, LCR-Net's own, `….json`.
    actions: 31, with the protocol `cs`; or 19, with `cv1` and `cv2`, where clips of the other 12 are left out.
    max_persons: slots for people, in the file's order.
    The official validation people and camera are on the training side: `pretrain.hold_out.groups` names them. Papers
    report the mean over classes.
    """

    name = "smarthome"
    layout = SMARTHOME_13
    card = Card(
        title="Toyota Smarthome",
        licence="Research use, on the terms of Inria and Toyota Motor Europe; its features too",
        citation=(
            "S. Das, R. Dai, M. Koperski, L. Minciullo, L. Garattoni, F. Bremond, G. Francesca: Toyota Smarthome: "
            "Real-World Activities of Daily Living, ICCV 2019"
        ),
        url="https://project.inria.fr/toyotasmarthome/",
    )

    def __init__(
        self,
        root: Path,
        *,
        skeletons: Literal["v1.1", "v1.2"] = "v1.2",
        actions: Literal[31, 19] = 31,
        max_persons: int = 2,
    ) -> None:
        check_choice(skeletons, tuple(SKELETONS), "smarthome: skeletons")
        check_choice(actions, tuple(PROTOCOLS), "smarthome: actions")
        check_choice(max_persons, (1, 2, 3, 4), "smarthome: max_persons")
        self.root = Path(root)
        self.skeletons = skeletons
        self.max_persons = max_persons
        self.classes: tuple[str, ...] = CLASSES if actions == len(CLASSES) else CROSS_VIEW_CLASSES
        self.protocols = PROTOCOLS[actions]

    @property
    def modality(self) -> Modality:
        """`rgb`; `none` where no video lies there."""
        return "rgb" if self._files.paths["video"] else "none"

    def listing(self) -> Listing:
        """Clips with video and skeleton; a skeleton without a video is incomplete, a video without one fails."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the official side; a camera that the protocol does not use leaves its clips out."""
        self._check_protocol(protocol)
        if protocol == "cs":
            return "train" if clip.subject in TRAIN_SUBJECTS else "test"
        if clip.camera == TEST_CAMERA:
            return "test"
        return "train" if clip.camera in TRAIN_CAMERAS[protocol] else "unused"

    def axis(self, protocol: str) -> Axis:
        """Return subjects for `cs`, cameras for `cv1` and `cv2`."""
        self._check_protocol(protocol)
        return "subject" if protocol == "cs" else "camera"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the paths of the video and of the skeleton's file."""
        places = {"video": clip.video, "skeleton": clip.skeleton}
        return {kind: self.root / place for kind, place in places.items() if place}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Read the clip's JSON file: pixels of the video, and LCR-Net's metres where it has them."""
        return read_smarthome_skeleton(self.root / str(clip.skeleton), self.max_persons)

    def open_video(self, clip: Clip) -> VideoSource:
        """Open the video; with skeletons alone, what they tell of it: its pictures are 640 x 480."""
        if clip.video:
            return AvVideo(self.root / clip.video)
        return without_video(clip.clip_id, num_frames_of(self.root / str(clip.skeleton)), FRAME_SIZE)

    def _check_protocol(self, protocol: str) -> None:
        other = next(
            (n for n, names in PROTOCOLS.items() if protocol in names and names != self.protocols), None
        )
        if other is not None:
            raise DatasetError(
                f"smarthome: protocol {protocol!r} is of {other} activities, {len(self.classes)} are listed: say "
                f"index.options.actions: {other}"
            )
        check_choice(protocol, self.protocols, "protocol of Toyota Smarthome")

    @cached_property
    def _files(self) -> FoundFiles:
        folder, ending = (
            ("skeletonv12", "_pose3d.json") if self.skeletons == "v1.2" else ("skeleton", ".json")
        )
        clip = "Cook.Cleandishes_p02_r00_v02_c03"
        return find_clips(
            self.root,
            self.name,
            {"video": VIDEO, "skeleton": SKELETONS[self.skeletons]},
            expected=f"mp4/{clip}.mp4 … and {folder}/{clip}{ending} …",
        )

    @cached_property
    def _listing(self) -> Listing:
        videos, skeletons = self._files.paths["video"], self._files.paths["skeleton"]
        there = videos.keys() if videos else skeletons.keys()
        incomplete = sorted(skeletons.keys() - there)
        failures = dict.fromkeys(there - skeletons.keys(), (SkeletonError.__name__, self._no_skeleton()))
        failures |= {c: (DatasetError.__name__, why) for c, why in self._files.unclear.items() if c in there}
        clips = []
        others = 0
        for clip_id in sorted(there - failures.keys()):
            try:
                clip = self._clip(clip_id, videos.get(clip_id, ""), skeletons[clip_id])
            except ClipError as error:
                failures[clip_id] = (type(error).__name__, str(error))
            else:
                others += clip is None
                clips += [clip] if clip is not None else []
        return Listing(
            clips=tuple(clips),
            failures=tuple((clip_id, *why) for clip_id, why in sorted(failures.items())),
            absent={
                "video missing": len(incomplete),
                f"clips of the {NUM_CLIPS:,} of {self.card.title}": max(0, NUM_CLIPS - len(there)),
                f"of an activity that is none of the {len(self.classes)}": others,
            },
            incomplete=tuple((clip_id, VideoError.__name__, NO_VIDEO) for clip_id in incomplete),
        )

    def _no_skeleton(self) -> str:
        """Why videos have none: all of them, where the other release lies there."""
        if self._files.paths["skeleton"]:
            return NO_SKELETON
        other = next(release for release in SKELETONS if release != self.skeletons)
        return (
            f"{NO_SKELETON}: no file of {self.skeletons} ({SKELETONS[self.skeletons].pattern}) is there at all; of "
            f"{other}: index.options.skeletons: {other}"
        )

    def _clip(self, clip_id: str, video: str, skeleton: str) -> Clip | None:
        """The clip that its name tells of; None where its activity is one that the protocols leave out."""
        match = CLIP_ID.fullmatch(clip_id)
        if match is None or match[1] not in CLASSES:
            raise ClipError(f"{clip_id!r} names none of the 31 activities; rename it")
        if match[1] not in self.classes:
            return None
        return Clip(
            clip_id,
            label=self.classes.index(match[1]),
            video=video,
            skeleton=skeleton,
            subject=int(match[2]),
            camera=int(match[3]),
        )
