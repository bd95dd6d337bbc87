"""NTU RGB+D 60 and 120: RGB videos and `.skeleton` files, found by name in any folder below the root."""

import re
from collections.abc import Mapping, Sequence, Set
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, get_args

from pipeline.datasets.find_files import FoundFiles, find_clips
from pipeline.datasets.no_video import without_video
from pipeline.datasets.ntu.bodies import BodyRule
from pipeline.datasets.ntu.body import BODY_FILTERS, BodyFilter
from pipeline.datasets.ntu.protocols import (
    NUM_ACTIONS,
    NUM_CLIPS,
    OFFICIAL_SIDES,
    PROTOCOL_AXES,
    missing_skeletons,
    ntu_split,
)
from pipeline.datasets.ntu.skeleton_file import num_frames_of, read_ntu_skeleton
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice, check_official
from pipeline.errors import DatasetError, SkeletonError, VideoError
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoSource

CLIP_ID = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
PATTERNS = {
    "video": re.compile(r"(?P<clip_id>S\d{3}C\d{3}P\d{3}R\d{3}A\d{3})_rgb\.(?:avi|mp4)"),
    "skeleton": re.compile(r"(?P<clip_id>S\d{3}C\d{3}P\d{3}R\d{3}A\d{3})\.skeleton"),
}
"""Names of its files, by kind."""
EXPECTED = "S001C001P001R001A001_rgb.avi … and S001C001P001R001A001.skeleton …, in any folders"
"""The files, as a user reads them in a message."""

ON_LIST = "on the published list of missing skeletons; it is dropped for every run, RGB ones too (SPEC 0.1)"
NO_SKELETON = "skeleton file missing: its video is there; fetch the skeleton too"
NO_VIDEO = "video missing: its skeleton is there; fetch the video too"


class Ntu:
    """NTU RGB+D; where the folder holds no video at all, its skeletons alone.

    version: 60 (actions 1 to 60) or 120.
    max_persons: slots for people.
    body_rule: which bodies fill them (`pipeline.datasets.ntu.bodies`).
    body_filters: by which of CTR-GCN's filters `denoised` and `ctr_gcn` take bodies for noise; an empty list is none.
    count_filters: flag clips by the filter that took a body (`short_body`, `lying_body`), beside `body_dropped`.
    missing_list: `published` drops the 302 or 535 clips whose skeletons are missing or incomplete;
    `none` for other recordings in NTU's form, of which such a list says nothing.
    """

    name = "ntu"
    layout = NTU_25
    card = Card(
        title="NTU RGB+D / NTU RGB+D 120",
        licence="Academic research only, on the terms of the ROSE Lab, NTU Singapore; its features too",
        citation=(
            "A. Shahroudy, J. Liu, T.-T. Ng, G. Wang: NTU RGB+D: A Large Scale Dataset for 3D Human Activity "
            "Analysis, CVPR 2016; J. Liu et al.: NTU RGB+D 120, IEEE TPAMI 42(10), 2020"
        ),
        url="https://rose1.ntu.edu.sg/dataset/actionRecognition/",
    )

    def __init__(
        self,
        root: Path,
        *,
        version: Literal[60, 120] = 60,
        max_persons: int = 2,
        body_rule: BodyRule = "motion",
        body_filters: Sequence[BodyFilter] = BODY_FILTERS,
        count_filters: bool = False,
        missing_list: Literal["published", "none"] = "published",
    ) -> None:
        check_choice(version, tuple(NUM_ACTIONS), "ntu: version")
        check_choice(body_rule, get_args(BodyRule), "ntu: body_rule")
        for one in body_filters:
            check_choice(one, BODY_FILTERS, "ntu: body_filters")
        check_choice(missing_list, ("published", "none"), "ntu: missing_list")
        check_choice(max_persons, (1, 2, 3, 4, 5, 6), "ntu: max_persons")
        self.root = Path(root)
        self.version = version
        self.max_persons = max_persons
        self.body_rule = body_rule
        self.body_filters = tuple(body_filters)
        self.count_filters = count_filters
        self.official = missing_list == "published"
        self.classes = tuple(f"A{action:03d}" for action in range(1, NUM_ACTIONS[version] + 1))
        self.protocols = tuple(PROTOCOL_AXES[version])
        self._check_sides = cache(self._refuse_other_sides)

    def listing(self) -> Listing:
        """Clips with video and skeleton; a skeleton without a video is incomplete, a video without one fails."""
        return self._listing

    @property
    def modality(self) -> Modality:
        """`rgb`; `none` where no video lies there."""
        return "rgb" if self._files.paths["video"] else "none"

    def split(self, clip: Clip, protocol: str) -> Split:
        """The official side: `xsub` and `xview` of NTU 60, `xsub` and `xset` of NTU 120. Raises DatasetError.

        Where the published dataset is whole, both sides must be as large as its owners say.
        """
        check_choice(protocol, self.protocols, f"protocol of NTU RGB+D {self.version}")
        if self.official:
            self._check_sides(protocol)
        return ntu_split(clip, protocol, self.version)

    def axis(self, protocol: str) -> Axis:
        """Subject, camera or set-up."""
        check_choice(protocol, self.protocols, f"protocol of NTU RGB+D {self.version}")
        return PROTOCOL_AXES[self.version][protocol]

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Video and skeleton file."""
        skeleton = {"skeleton": self._skeleton_path(clip)}
        return {"video": self.root / clip.video, **skeleton} if clip.video else skeleton

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Read the clip's `.skeleton` file; 2-D joints are its colour coordinates."""
        return read_ntu_skeleton(
            self._skeleton_path(clip),
            max_persons=self.max_persons,
            body_rule=self.body_rule,
            body_filters=self.body_filters,
            count_filters=self.count_filters,
        )

    def open_video(self, clip: Clip) -> VideoSource:
        """The RGB video; with skeletons alone, what they tell of it: NTU's pictures are 1920 x 1080."""
        if clip.video:
            return AvVideo(self.root / clip.video)
        return without_video(clip.clip_id, num_frames_of(self._skeleton_path(clip)))

    def _skeleton_path(self, clip: Clip) -> Path:
        if clip.skeleton is None:
            raise SkeletonError(f"{clip.clip_id}: {NO_SKELETON}")
        return self.root / clip.skeleton

    def _refuse_other_sides(self, protocol: str) -> None:
        sides = [ntu_split(clip, protocol, self.version) for clip in self._listing.clips]
        check_official(self.name, protocol, sides, OFFICIAL_SIDES[self.version][protocol])

    @cached_property
    def _files(self) -> FoundFiles:
        return find_clips(self.root, self.name, PATTERNS, expected=EXPECTED)

    @cached_property
    def _listing(self) -> Listing:
        found = self._files.paths
        videos, skeletons = self._of_version(found["video"]), self._of_version(found["skeleton"])
        there = videos.keys() if found["video"] else skeletons.keys()
        unusable = self._unusable(there, skeletons.keys())
        incomplete = sorted(skeletons.keys() - there)
        absent = self._absent(videos.keys() | skeletons.keys(), unusable)
        absent["video missing"] = len(incomplete)
        absent["video of an action beyond the version"] = len(found["video"]) - len(videos)
        return Listing(
            clips=tuple(
                _clip(clip_id, videos.get(clip_id, ""), skeletons[clip_id])
                for clip_id in sorted(there - unusable.keys())
            ),
            failures=tuple((clip_id, *why) for clip_id, why in sorted(unusable.items())),
            absent=absent,
            incomplete=tuple((clip_id, VideoError.__name__, NO_VIDEO) for clip_id in incomplete),
        )

    def _of_version(self, paths: Mapping[str, str]) -> dict[str, str]:
        """Those whose action is one of this version's."""
        return {clip_id: path for clip_id, path in paths.items() if f"A{clip_id[-3:]}" in self.classes}

    def _unusable(self, there: Set[str], skeletons: Set[str]) -> dict[str, tuple[str, str]]:
        """Error class and reason, of those that are there and cannot be used."""
        listed = missing_skeletons(self.version) if self.official else frozenset()
        found = dict.fromkeys(there - skeletons, (SkeletonError.__name__, NO_SKELETON))
        found |= dict.fromkeys(there & listed, (SkeletonError.__name__, ON_LIST))
        unclear = self._files.unclear
        return found | {c: (DatasetError.__name__, unclear[c]) for c in there & unclear.keys()}

    def _absent(self, there: Set[str], unusable: Mapping[str, tuple[str, str]]) -> dict[str, int]:
        """How many lack what; against the whole dataset where it is the published one."""
        reasons = [reason for _, reason in unusable.values()]
        counts = {
            "skeleton missing": reasons.count(NO_SKELETON),
            "skeleton missing (published list)": reasons.count(ON_LIST),
        }
        if self.official:
            counts["video and skeleton missing"] = max(0, NUM_CLIPS[self.version] - len(there))
        return counts


def _clip(clip_id: str, video: str, skeleton: str) -> Clip:
    """The clip that a name like S001C002P003R002A013 tells of; its replication (R) is only part of the id."""
    match = CLIP_ID.fullmatch(clip_id)
    if match is None:
        raise DatasetError(f"ntu: {clip_id!r} is not a name of NTU RGB+D")
    setup, camera, subject, _, action = (int(number) for number in match.groups())
    return Clip(
        clip_id=clip_id,
        label=action - 1,
        video=video,
        skeleton=skeleton,
        subject=subject,
        camera=camera,
        setup=setup,
    )
