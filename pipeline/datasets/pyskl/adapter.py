"""PYSKL's pickles of annotations as a dataset: skeletons alone, or with their videos in a folder."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.datasets.clip_ids import clip_id_of, name_beside
from pipeline.datasets.find_files import shown
from pipeline.datasets.no_video import FRAME_SIZE, NoVideo
from pipeline.datasets.protocol import UNSTATED_LICENCE, Axis, Card, Listing, Modality, check_choice
from pipeline.datasets.pyskl.annotations import (
    LAYOUT_OF,
    annotation_sha256,
    frame_size,
    label_of,
    num_joints,
    num_video_frames,
    read_annotations,
    skeleton_of,
)
from pipeline.datasets.pyskl.splits import protocols_of
from pipeline.errors import ClipError, DatasetError, ParamError
from pipeline.skeleton.layouts import BODIES, Layout
from pipeline.values import MOST, UNKNOWN, Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoFacts, VideoSource

NTU_NAME = r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R\d{3}A\d{3}"
AXES: tuple[Axis, ...] = ("subject", "camera", "setup")
OFFICIAL: Mapping[str, Axis] = {"xsub": "subject", "xview": "camera", "xset": "setup"}
"""Axis of each protocol whose name tells it."""


class Pyskl:
    """One pickle, read without running any of it (`pipeline.datasets.pyskl.plain_pickle`).

    file: its name in the dataset's folder. videos: where each clip's video lies in that folder, as
    "videos/{frame_dir}_rgb.avi"; None for skeletons alone. layout: of the joints; by their number unless said.
    Clips that the protocol's split leaves out are unused.
    names: a pattern whose groups subject, camera, setup tell them from frame_dir. classes: the labels' names.
    frame_height, frame_width: in pixels, where the file tells no size.
    """

    name = "pyskl"
    card = Card(
        title="Annotations in PYSKL's form", licence=UNSTATED_LICENCE,
        citation="Duan et al., PYSKL: Towards Good Practices for Skeleton Action Recognition, ACM MM 2022",
        url="https://github.com/kennymckormick/pyskl",
    )  # fmt: skip

    def __init__(
        self, root: Path, *, file: str = "annotations.pkl", videos: str | None = None, layout: str | None = None,
        max_persons: int = 2, names: str = NTU_NAME, classes: Sequence[str] = (),
        frame_height: int = FRAME_SIZE[0], frame_width: int = FRAME_SIZE[1],
    ) -> None:  # fmt: skip
        if max_persons < 1 or min(frame_height, frame_width) < 1:
            raise ParamError("pyskl: max_persons, frame_height and frame_width must be 1 or more")
        if videos is not None and "{frame_dir}" not in videos:
            raise ParamError(f'pyskl: videos must name {{frame_dir}}, as "{{frame_dir}}.avi"; got {videos!r}')
        self.root, self.file, self.videos = Path(root), file, videos
        self.modality: Modality = "rgb" if videos else "none"
        self.max_persons = max_persons
        self._frame_size = frame_height, frame_width
        self._names = _pattern(names)
        found = read_annotations(_there(self.root / file))
        self._annotations = found.by_id
        self._sides = protocols_of(found.split)
        self.protocols = tuple(self._sides)
        self.layout = self._layout(layout)
        named = frozenset[str]().union(*found.split.values()) if found.split else frozenset()
        self._named_classes = tuple(classes)
        self._listing = self._list(
            found.failures, {"named in a split, not annotated": len(named - found.by_id.keys())}
        )
        self.classes = self._classes()

    def listing(self) -> Listing:
        """Every annotation; one that can't be a clip fails."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the file's own split; `unused` where it leaves the clip out."""
        self._check_protocol(protocol)
        return self._sides[protocol].of(clip.own_name)

    def axis(self, protocol: str) -> Axis:
        """Return the axis in the protocol's name, else what differs first in training: subject, camera or set-up."""
        self._check_protocol(protocol)
        if both := self._sides[protocol].both:
            raise DatasetError(
                f"pyskl: {len(both)} clips, {min(both)} first, train and test in {protocol!r}: take another protocol"
            )
        training = [clip for clip in self._listing.clips if self.split(clip, protocol) == "train"]
        for axis in (OFFICIAL[protocol],) if protocol in OFFICIAL else AXES:
            if len({getattr(clip, axis) for clip in training} - {UNKNOWN}) > 1:
                return axis
        return OFFICIAL.get(protocol, "subject")

    def _check_protocol(self, protocol: str) -> None:
        if not self.protocols:
            raise DatasetError(
                f"pyskl: {self.file} has no protocol: its `split` must name who trains and who tests, as "
                '{"xsub_train": [frame_dir, …], "xsub_val": […]}; add it to the pickle'
            )
        check_choice(protocol, self.protocols, "pyskl: index.protocol")

    def sources(self, clip: Clip) -> dict[str, Path]:
        """The pickle; the video too, where there are videos."""
        return {"video": self.root / clip.video, "skeleton": self.root / self.file}

    def digests(self, clip: Clip) -> dict[str, str]:
        """sha256 of the clip's own annotation: another clip's change leaves it alone."""
        own = annotation_sha256(self._annotations[clip.own_name])
        return {"skeleton": own} if self.videos else {"skeleton": own, "video": own}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Its joints, in pixels or in metres as the file has them."""
        return skeleton_of(self._annotations[clip.own_name], self.layout, self.max_persons)

    def open_video(self, clip: Clip) -> VideoSource:
        """The video file; without one, what the annotation tells of it."""
        if self.videos:
            return AvVideo(self.root / clip.video)
        annotation = self._annotations[clip.own_name]
        height, width = frame_size(annotation, self._frame_size)
        return NoVideo(clip.clip_id, VideoFacts(num_video_frames(annotation), height, width, 0.0, None))

    def _layout(self, named: str | None) -> Layout:
        if named is not None:
            check_choice(named, tuple(BODIES), "pyskl: layout")
            return BODIES[named]
        count = num_joints(self._annotations.values())
        if count in LAYOUT_OF:
            return LAYOUT_OF[count]
        fitting = sorted(name for name, layout in BODIES.items() if layout.num_joints == count)
        if fitting:
            raise ParamError(
                f"pyskl: {count} joints tell no layout: name it, one of {fitting}, as index.options.layout, or as "
                "--layout to `pyskl import`"
            )
        known = ", ".join(f"{name} has {layout.num_joints}" for name, layout in sorted(BODIES.items()))
        raise ParamError(
            f"pyskl: no layout has {count} joints ({known}): write a pickle with the joints of one"
        )

    def _list(self, wrong: Sequence[tuple[str, str]], absent: dict[str, int]) -> Listing:
        clips, failures = [], [(place, DatasetError.__name__, reason) for place, reason in wrong]
        ids = Counter(clip_id_of(frame_dir) for frame_dir in self._annotations)
        for frame_dir, annotation in self._annotations.items():
            clip_id = clip_id_of(frame_dir)
            try:
                if ids[clip_id] > 1:
                    raise ClipError(f"frame_dir {frame_dir!r:.80} is written in two ways; write it in one")
                clips.append(self._clip(clip_id, frame_dir, annotation))
            except ClipError as error:
                failures.append((clip_id, type(error).__name__, str(error)))
        return Listing(
            tuple(sorted(clips, key=lambda clip: clip.clip_id)), tuple(sorted(set(failures))), absent
        )

    def _clip(self, clip_id: str, frame_dir: str, annotation: Mapping[str, Any]) -> Clip:
        if {"/", "\\"} & set(frame_dir) or frame_dir in (".", ".."):
            raise ClipError(f"frame_dir {frame_dir!r:.80} is a path; it must be a plain name")
        label = label_of(annotation)
        if self._named_classes and label >= len(self._named_classes):
            raise ClipError(f"label {label}, but the option classes names {len(self._named_classes)} labels")
        match = self._names.fullmatch(frame_dir)
        groups = match.groupdict() if match else {}
        return Clip(
            clip_id=clip_id,
            label=label,
            video=self.videos.replace("{frame_dir}", frame_dir) if self.videos else self.file,
            skeleton=self.file,
            name=name_beside(clip_id, frame_dir),
            **{axis: _number(groups.get(axis), axis) for axis in AXES},
        )

    def _classes(self) -> tuple[str, ...]:
        most = max((clip.label for clip in self._listing.clips), default=0)
        return self._named_classes or tuple(str(label) for label in range(most + 1))


def _number(text: str | None, what: str) -> int:
    """What a name tells of subject, camera or set-up."""
    if not text:
        return UNKNOWN
    if not (text.isdecimal() and len(text) <= len(str(MOST))):
        raise ClipError(f"the option names finds {what} {text!r:.40}, which is no whole number up to {MOST}")
    return int(text)


def _pattern(names: str) -> re.Pattern[str]:
    try:
        return re.compile(names)
    except re.error as error:
        raise ParamError(f"pyskl: names must be a pattern of Python's re, got {names!r}: {error}") from error


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(
            f"pyskl: no file {path}; put the pickle there, or name it with the option `file`; found "
            f"{shown(path.parent)}"
        )
    return path
