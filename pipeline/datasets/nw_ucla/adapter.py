"""Northwestern-UCLA Multiview Action 3D: ten actions, three cameras; as JSON skeletons or as the original folders."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipeline.datasets.find_files import find_clips
from pipeline.datasets.many_files import digest_of_files
from pipeline.datasets.no_video import without_video
from pipeline.datasets.nw_ucla.picture_folder import PictureFolder
from pipeline.datasets.nw_ucla.skeletons import read_frames, read_json
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.errors import ClipError, DatasetError, SkeletonError, VideoError
from pipeline.skeleton.layouts import NW_UCLA_20
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import VideoSource

ACTIONS = {
    1: "pick up with one hand", 2: "pick up with two hands", 3: "drop trash", 4: "walk around", 5: "sit down",
    6: "stand up", 8: "donning", 9: "doffing", 11: "throw", 12: "carry",
}  # fmt: skip
"""Names by the number behind `a`: 7 and 10 are not used."""

TEST_CAMERAS = {"cross_view": 3, "cross_view_test_1": 1, "cross_view_test_2": 2}
"""The camera that tests in each protocol; the other two train. `cross_view` is the one that papers report."""

SIDES = (1_020, 464)
"""Clips of cameras 1 and 2, and of camera 3, as CTR-GCN's reader lists them."""
NUM_CLIPS = sum(SIDES)

JSON = {"skeleton": re.compile(r"(?P<clip_id>a\d\d_s\d\d_e\d\d_v\d\d)\.json")}
CLIP_ID = re.compile(r"a(\d\d)_s(\d\d)_e\d\d_v(\d\d)")
CAMERA, RECORDING = re.compile(r"view_([1-9])"), re.compile(r"a\d\d_s\d\d_e\d\d")
FRAME = re.compile(r"frame_(\d+)_tc_\d+_(rgb\.jpg|skeletons\.txt)")
KINDS: Mapping[str, str] = {"video": "rgb.jpg", "skeleton": "skeletons.txt"}

FORMS = ("json", "folders")
EXPECTED = {
    "json": "all_sqe/a01_s01_e00_v01.json",
    "folders": "multiview_action/view_1/a01_s01_e00/frame_0_tc_0_rgb.jpg",
}
NO_SKELETON = "no skeleton in its folder: its pictures are there; fetch frame_…_skeletons.txt too"
NO_VIDEO = "no picture in its folder: its skeletons are there; fetch frame_…_rgb.jpg too"
FRAME_SIZE = (480, 640)
"""(H, W) of the pictures."""


class NwUcla:
    """Northwestern-UCLA, `a<action>_s<subject>_e<take>` seen by cameras 1 to 3.

    form: `json` reads `all_sqe/a01_s01_e00_v01.json`, skeletons alone, as CTR-GCN's feeder does; `folders` reads
    `multiview_action/view_1/a01_s01_e00/`, a picture and a text file of skeletons for each frame, in the order of
    the frames' numbers. Joints are in metres; there are no pixels of joints, so that boxes are whole frames.
    """

    name = "nw_ucla"
    layout = NW_UCLA_20
    classes: tuple[str, ...] = tuple(ACTIONS.values())
    protocols: tuple[str, ...] = tuple(TEST_CAMERAS)
    max_persons = 1
    card = Card(
        title="Northwestern-UCLA Multiview Action 3D",
        licence="Research use",
        citation=(
            "J. Wang, X. Nie, Y. Xia, Y. Wu, S.-C. Zhu: Cross-view Action Modeling, Learning and Recognition, CVPR 2014"
        ),
        url="https://wangjiangb.github.io/my_data.html",
    )

    def __init__(self, root: Path, *, form: Literal["json", "folders"] = "json") -> None:
        check_choice(form, FORMS, "nw_ucla: form")
        self.root = Path(root)
        self.form = form

    @property
    def modality(self) -> Modality:
        """`rgb` where a folder holds pictures, else `none`."""
        return "rgb" if any(clip.video for clip in self._listing.clips) else "none"

    def listing(self) -> Listing:
        """List every clip; in the form of folders, one without skeletons fails, one without pictures is incomplete.

        Raises DatasetError where the JSON form is whole, and its cameras have other numbers of clips than its owners'.
        """
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return `test` for the protocol's camera, else `train`."""
        check_choice(protocol, self.protocols, "protocol of Northwestern-UCLA")
        return "test" if clip.camera == TEST_CAMERAS[protocol] else "train"

    def axis(self, protocol: str) -> Axis:
        """Return the axis of every protocol: cameras."""
        check_choice(protocol, self.protocols, "protocol of Northwestern-UCLA")
        return "camera"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the JSON file, or the folder for both pictures and skeletons."""
        places = {"video": clip.video, "skeleton": clip.skeleton}
        return {kind: self.root / place for kind, place in places.items() if place}

    def digests(self, clip: Clip) -> dict[str, str]:
        """sha256 of a folder's pictures and of its skeletons: of each file's name and content, in their order."""
        if self.form == "json":
            return {}
        return {
            kind: digest_of_files(tuple(self._frames(clip, kind).values())) for kind in self.sources(clip)
        }

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Joints in metres; in the form of folders, each beside the picture that bears its frame's number."""
        if self.form == "json":
            return read_json(self.root / str(clip.skeleton))
        files = self._frames(clip, "skeleton")
        numbers = sorted(self._frames(clip, "video") if clip.video else files)
        return read_frames({place: files[n] for place, n in enumerate(numbers) if n in files}, clip.clip_id)

    def open_video(self, clip: Clip) -> VideoSource:
        """The folder's pictures; with skeletons alone, what they tell of it."""
        if clip.video:
            return PictureFolder(clip.clip_id, list(self._frames(clip, "video").values()))
        skeleton, _ = self.read_skeleton(clip)
        return without_video(clip.clip_id, skeleton.num_frames, FRAME_SIZE)

    def _frames(self, clip: Clip, kind: str) -> dict[int, Path]:
        """Files of one kind by their frames' numbers, which rise."""
        folder = self.root / str(clip.skeleton)
        paths = folder.iterdir() if folder.is_dir() else ()
        matches = ((FRAME.fullmatch(path.name), path) for path in paths)
        return dict(sorted((int(m[1]), path) for m, path in matches if m and m[2] == KINDS[kind]))

    @cached_property
    def _listing(self) -> Listing:
        listing = self._json() if self.form == "json" else self._folders()
        cameras = [clip.camera == TEST_CAMERAS["cross_view"] for clip in listing.clips]
        found = cameras.count(False), cameras.count(True)
        if self.form == "json" and sum(found) >= NUM_CLIPS and found != SIDES:
            raise DatasetError(
                f"nw_ucla: all {sum(found):,} clips are there; expected {SIDES[0]:,} of cameras 1 and 2 and {SIDES[1]} "
                f"of camera 3, found {found[0]:,} and {found[1]}: fetch all_sqe again"
            )
        return listing

    def _json(self) -> Listing:
        try:
            files = find_clips(self.root, self.name, JSON, expected=EXPECTED["json"])
        except DatasetError as error:
            raise self._nothing(error) from error
        failures = {clip_id: (DatasetError.__name__, why) for clip_id, why in files.unclear.items()}
        return self._list({c: ("", path) for c, path in files.paths["skeleton"].items()}, failures, [])

    def _folders(self) -> Listing:
        found: dict[str, tuple[str, str]] = {}
        failures: dict[str, tuple[str, str]] = {}
        there = self._recordings()
        played = any("video" in kinds for _, kinds in there.values())
        incomplete = []
        for clip_id, (place, kinds) in there.items():
            if "skeleton" not in kinds:
                failures[clip_id] = (SkeletonError.__name__, NO_SKELETON)
            elif played and "video" not in kinds:
                incomplete.append((clip_id, VideoError.__name__, NO_VIDEO))
            else:
                found[clip_id] = (place if played else "", place)
        if not there:
            raise self._nothing(None)
        return self._list(found, failures, incomplete)

    def _list(
        self,
        found: Mapping[str, tuple[str, str]],
        failures: dict[str, tuple[str, str]],
        incomplete: Sequence[tuple[str, str, str]],
    ) -> Listing:
        clips = []
        for clip_id in sorted(found.keys() - failures.keys()):
            try:
                clips.append(_clip(clip_id, *found[clip_id]))
            except ClipError as error:
                failures[clip_id] = (type(error).__name__, str(error))
        missing = max(0, NUM_CLIPS - len(clips) - len(failures) - len(incomplete))
        return Listing(
            clips=tuple(clips),
            failures=tuple((clip_id, *why) for clip_id, why in sorted(failures.items())),
            absent={f"clips of the {NUM_CLIPS:,} of {self.card.title}": missing},
            incomplete=tuple(sorted(incomplete)),
        )

    def _recordings(self) -> dict[str, tuple[str, set[str]]]:
        """Place of each recording's folder, and the kinds of files in it."""
        found: dict[str, tuple[str, set[str]]] = {}
        for folder, _, names in os.walk(self.root, followlinks=True):
            camera, recording = (
                CAMERA.fullmatch(Path(folder).parent.name),
                RECORDING.fullmatch(Path(folder).name),
            )
            if camera and recording:
                endings = {match[2] for name in names if (match := FRAME.fullmatch(name))}
                kinds = {kind for kind, ending in KINDS.items() if ending in endings}
                place = Path(folder).relative_to(self.root).as_posix()
                found[f"{recording[0]}_v{int(camera[1]):02d}"] = (place, kinds)
        return found

    def _nothing(self, error: DatasetError | None) -> DatasetError:
        """What to say where the form that was asked for is not there."""
        other = FORMS[1 - FORMS.index(self.form)]
        there = (
            bool(self._recordings())
            if other == "folders"
            else next(self.root.rglob("a??_s??_e??_v??.json"), None)
        )
        hint = f"; the form {other!r} is there: say index.options.form: {other}" if there else ""
        why = f" ({error})" if error and not there else ""
        return DatasetError(
            f"nw_ucla: nothing in the form {self.form!r} below {self.root}; expected {EXPECTED[self.form]}{hint}{why}"
        )


def _clip(clip_id: str, video: str, skeleton: str) -> Clip:
    """The clip that a name like a01_s01_e00_v01 tells of: action, subject, take and camera."""
    match = CLIP_ID.fullmatch(clip_id)
    if match is None or int(match[1]) not in ACTIONS:
        raise ClipError(f"{clip_id!r} names none of the actions {sorted(ACTIONS)}; rename it")
    action, subject, camera = (int(number) for number in match.groups())
    return Clip(
        clip_id,
        label=list(ACTIONS).index(action),
        video=video,
        skeleton=skeleton,
        subject=subject,
        camera=camera,
    )
