"""PKU-MMD, either phase: recordings of minutes, of which each labelled action is a clip."""

import re
from functools import cache, cached_property, lru_cache
from pathlib import Path

from pipeline.datasets.find_files import files_below, shown
from pipeline.datasets.no_video import without_video
from pipeline.datasets.people import people_skeleton, without_zeros
from pipeline.datasets.pku_mmd.text_files import (
    NUM_ACTIONS,
    NUM_PERSONS,
    RECORDING,
    Action,
    read_joints,
    read_labels,
    read_sides,
)
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.errors import ClipError, DatasetError, SkeletonError, VideoError
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.recording import Excerpt, Recording
from pipeline.video.video import VideoSource

NUM_RECORDINGS = 1_076
NUM_RECORDINGS_OF_II = 1_009
SIDES = {"xsub": (944, 132), "xview": (717, 359)}
"""Recordings of the first phase that train and test, as the owners count them."""
LISTS = {
    "xsub": re.compile(r"cross[-_]subject(_v[12])?\.txt"),
    "xview": re.compile(r"cross[-_]view(_v[12])?\.txt"),
}
CAMERAS = {"L": 1, "M": 2, "R": 3}
"""Numbers of the left, the middle and the right camera."""

EXPECTED = (
    "RGB_VIDEO/0002-L.avi, Skeleton/0002-L.txt, Label/0002-L.txt, and cross-subject.txt or cross-view.txt"
)
NO_SKELETON = "skeleton file missing: its video or labels are there; fetch Skeleton/ too"
NO_LABELS = "label file missing: its video or skeleton is there; fetch Label/ too"
NO_VIDEO = "video missing: its skeleton and labels are there; fetch the video too"
FRAME_SIZE = (1080, 1920)
"""(H, W) of the videos."""


class PkuMmd:
    """PKU-MMD: a clip is a line of `Label/0002-L.txt`, its frames a part of the recording 0002-L.

    The second phase, whose recordings are called A01N02-L, is the same in a folder of its own; 41 of 51 actions occur.

    Which of two text files of one name is meant, a folder's name tells: it holds `skeleton` or `label`. Skeletons are
    in metres and have no pixels, so that boxes are whole frames. Recording 2's three views share set-up 2, those of
    A01N02 set-up 102; people are not named by the files.
    """

    name = "pku_mmd"
    layout = NTU_25
    classes: tuple[str, ...] = tuple(f"A{action:02d}" for action in range(1, NUM_ACTIONS + 1))
    protocols: tuple[str, ...] = tuple(SIDES)
    max_persons = NUM_PERSONS
    card = Card(
        title="PKU-MMD",
        licence="Research use",
        citation=(
            "C. Liu, Y. Hu, Y. Li, S. Song, J. Liu: PKU-MMD: A Large Scale Benchmark for Continuous Multi-Modal Human "
            "Action Understanding, arXiv 1703.07475, 2017"
        ),
        url="https://www.icst.pku.edu.cn/struct/Projects/PKUMMD.html",
    )

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._sides = cache(self._checked_sides)
        self._recording = lru_cache(maxsize=1)(
            lambda path, _: Recording(path)
        )  # its clips follow one another
        self._joints = lru_cache(maxsize=1)(lambda path, _: read_joints(path))

    @property
    def modality(self) -> Modality:
        """`rgb`; `none` where no video lies there."""
        return "rgb" if self._files["video"] else "none"

    def listing(self) -> Listing:
        """Every labelled action of the recordings that are whole; others are listed by their own name."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the side that the owners' list puts the clip's recording on; `unused` where it does not name it."""
        check_choice(protocol, self.protocols, "protocol of PKU-MMD")
        return self._sides(protocol).get(_recording_of(clip), "unused")

    def axis(self, protocol: str) -> Axis:
        """Return cameras for `xview`; for `xsub` set-ups, a recording's three views, since nobody's name is told."""
        check_choice(protocol, self.protocols, "protocol of PKU-MMD")
        return "camera" if protocol == "xview" else "setup"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the paths of the recording's video and skeleton, which its other clips share."""
        places = {"video": clip.video, "skeleton": clip.skeleton}
        return {kind: self.root / place for kind, place in places.items() if place}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Cut the clip's frames out of the recording's skeleton, which is read once for clips in a row."""
        path = self.root / str(clip.skeleton)
        whole = self._joints(path, _signature(path))
        if clip.start >= len(whole):
            raise SkeletonError(
                f"{clip.clip_id}: it begins at frame {clip.start} of {path.name}, which has {len(whole)}"
            )
        return people_skeleton({"joints_3d": without_zeros(whole[clip.start : clip.end])}, clip.clip_id)

    def open_video(self, clip: Clip) -> VideoSource:
        """The clip's part of its recording; with skeletons alone, what they tell of it."""
        if clip.video:
            path = self.root / clip.video
            recording = self._recording(path, _signature(path))
            return Excerpt(clip.clip_id, recording, start=clip.start, end=clip.end)
        skeleton, _ = self.read_skeleton(clip)
        return without_video(clip.clip_id, skeleton.num_frames, FRAME_SIZE)

    @cached_property
    def _files(self) -> dict[str, dict[str, str]]:
        """Places of videos, skeletons and labels by recording, of the lists by protocol."""
        if not self.root.is_dir():
            raise DatasetError(f"pku_mmd: no folder {self.root}; expected {EXPECTED} in it")
        found: dict[str, dict[str, str]] = {"video": {}, "skeleton": {}, "label": {}, "list": {}}
        for path in files_below(self.root):
            place = path.relative_to(self.root).as_posix()
            for kind, name in _kinds(path, place):
                if found[kind].setdefault(name, place) != place:
                    raise DatasetError(
                        f"pku_mmd: {kind} of {name} lies there twice, {found[kind][name]} and {place}; keep one"
                    )
        if not found["label"]:
            raise DatasetError(
                f"pku_mmd: no labels below {self.root}; expected {EXPECTED}; found {shown(self.root)}"
            )
        return found

    def _checked_sides(self, protocol: str) -> dict[str, Split]:
        """The list's sides, by recording; where all recordings are there, they must be as many as the owners count."""
        lists = self._files["list"]
        if protocol not in lists:
            there = ", ".join(sorted(lists.values())) or "none"
            raise DatasetError(
                f"pku_mmd: {protocol}: no list below {self.root}; expected a file named {LISTS[protocol].pattern}, "
                f"found {there}"
            )
        sides = read_sides(self.root / lists[protocol])
        recordings = {_recording_of(clip) for clip in self._listing.clips}
        here = [sides[name] for name in recordings if name in sides]
        found, expected = (here.count("train"), here.count("test")), SIDES[protocol]
        if len(recordings) >= NUM_RECORDINGS and found != expected:
            raise DatasetError(
                f"pku_mmd: {protocol}: all {len(recordings):,} recordings are there; expected {expected[0]} to train "
                f"and {expected[1]} to test, the list gives {found[0]} and {found[1]}: fetch it again"
            )
        return sides

    @cached_property
    def _listing(self) -> Listing:
        files = self._files
        names = sorted(files["video"].keys() | files["skeleton"].keys() | files["label"].keys())
        clips: list[Clip] = []
        failures: list[tuple[str, str, str]] = []
        incomplete: list[tuple[str, str, str]] = []
        for name in names:
            if lacking := self._lacking(name):
                (incomplete if lacking[1] == NO_VIDEO else failures).append((name, *lacking))
                continue
            for place, action in enumerate(read_labels(self.root / files["label"][name])):
                clip_id = f"{name}_{place:03d}"
                if isinstance(action, ClipError):
                    failures.append((clip_id, type(action).__name__, str(action)))
                else:
                    clips.append(
                        _clip(clip_id, action, files["video"].get(name, ""), files["skeleton"][name])
                    )
        is_second = names[0].startswith("A")
        phase, total = ("II", NUM_RECORDINGS_OF_II) if is_second else ("I", NUM_RECORDINGS)
        return Listing(
            clips=tuple(clips),
            failures=tuple(failures),
            absent={
                f"recordings of the {total:,} of PKU-MMD {phase}": max(0, total - len(names)),
                "video missing": len(incomplete),
            },
            incomplete=tuple(incomplete),
        )

    def _lacking(self, name: str) -> tuple[str, str] | None:
        """Error class and reason, where a recording lacks a file."""
        if name not in self._files["label"]:
            return DatasetError.__name__, NO_LABELS
        if name not in self._files["skeleton"]:
            return SkeletonError.__name__, NO_SKELETON
        if self._files["video"] and name not in self._files["video"]:
            return VideoError.__name__, NO_VIDEO
        return None


def _recording_of(clip: Clip) -> str:
    return clip.clip_id.rpartition("_")[0]


def _signature(path: Path) -> tuple[int, ...]:
    """What changes with a file's content; nothing where there is no such file."""
    if not path.exists():
        return ()
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino


def _kinds(path: Path, place: str) -> list[tuple[str, str]]:
    """What a file is, and of which recording or protocol."""
    if path.suffix in (".avi", ".mp4") and RECORDING.fullmatch(path.stem):
        return [("video", path.stem)]
    if path.suffix == ".txt" and RECORDING.fullmatch(path.stem):
        folders = place.rpartition("/")[0].lower()
        return [(kind, path.stem) for kind in ("skeleton", "label") if kind in folders]
    return [("list", protocol) for protocol, name in LISTS.items() if name.fullmatch(path.name)]


def _clip(clip_id: str, action: Action, video: str, skeleton: str) -> Clip:
    performance, _, view = clip_id.rpartition("_")[0].partition("-")
    return Clip(
        clip_id,
        label=action.label,
        video=video,
        skeleton=skeleton,
        camera=CAMERAS[view],
        setup=int(re.sub(r"\D", "", performance)),
        start=action.start,
        end=action.end,
    )
