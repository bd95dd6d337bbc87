"""One's own recordings, listed in a plain table: videos and labels, and whatever else is known of them."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pipeline.datasets.many_files import digest_of_files
from pipeline.datasets.no_video import FRAME_SIZE, without_video
from pipeline.datasets.protocol import UNSTATED_LICENCE, Axis, Card, Listing, Modality, check_choice
from pipeline.datasets.table import movement_file
from pipeline.datasets.table.joint_files import JointRule, read_joints
from pipeline.datasets.table.rows import clips_of, read_rows
from pipeline.datasets.table.skeleton_file import whole_frame_skeleton
from pipeline.datasets.table.unlisted import unlisted_videos
from pipeline.errors import DatasetError, ParamError, SkeletonError, VideoError
from pipeline.skeleton.layouts import BOX_4, LAYOUTS, WHOLE_FRAME
from pipeline.values import UNKNOWN, Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoSource

NO_VIDEO = "video file missing: the table names it, or other rows have one; put it there, or take the row out"
NO_SKELETON = (
    "the table names no skeleton for it, or its file is missing; give one, or use layout whole_frame"
)


class Table:
    """A table with columns label, video or skeleton or both and, if known, clip_id, subject, camera, setup, split.

    table: the `.csv` or `.parquet` file, below the folder; paths in it are relative to the folder.
    layout: of the skeletons; `whole_frame` where there are none. A skeleton is a file, or a folder, that
    `read_joints` reads.
    max_persons: slots for people.
    train_subjects: who trains in protocol `subjects`, which is there when some are named; "1 3 5" or a list.
    first_frame: number that keypoints in JSON, and tracks, give the video's first frame.
    keypoint_names: for tracks of SLEAP or DeepLabCut, the file's name of a joint of the layout that it calls otherwise.
    frame_height, frame_width: of the pictures that 2-D joints lie in, where no row has a video.
    The protocol `table` is there when the column split says train or test; who is `unused`, or says nothing, is
    left out. One row out of form fails by itself.
    """

    name = "table"
    card = Card(title="Own recordings", licence=UNSTATED_LICENCE, citation="", url="")

    def __init__(
        self,
        root: Path,
        *,
        table: str = "table.csv",
        layout: str = WHOLE_FRAME.name,
        max_persons: int = 2,
        train_subjects: str | Sequence[int] = (),
        first_frame: int = 0,
        keypoint_names: Mapping[str, str] | None = None,
        frame_height: int = FRAME_SIZE[0],
        frame_width: int = FRAME_SIZE[1],
    ) -> None:
        check_choice(layout, tuple(LAYOUTS), "table: layout")
        if min(max_persons, frame_height, frame_width) < 1:
            raise ParamError("table: max_persons, frame_height and frame_width must be 1 or more")
        if first_frame < 0:
            raise ParamError(f"table: first_frame must be 0 or more, got {first_frame}")
        for joint in keypoint_names or {}:
            check_choice(joint, LAYOUTS[layout].joints, "table: keypoint_names")
        self.root = Path(root)
        self.layout = LAYOUTS[layout]
        self.max_persons = max_persons
        self._rule = JointRule(self.layout, max_persons, first_frame, keypoint_names or {})
        self.train_subjects = _subjects(train_subjects)
        self._frame_size = frame_height, frame_width
        rows = read_rows(self.root / table)
        self._named = [row["video"] for row in rows if row.get("video")]
        found = clips_of(rows)
        self._clips, self.classes, self._splits = found.clips, found.labels, found.splits
        self._wrong_rows = found.failures
        self.modality: Modality = "rgb" if any(clip.video for clip in self._clips) else "none"
        self.protocols = self._protocols()
        self._check_skeletons()

    def listing(self) -> Listing:
        """Every row of the table; one out of form, or whose files are not there, fails. Videos in no row are named."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the column split, or decide by the training subjects; a row without a split is unused."""
        self._check_protocol(protocol)
        if protocol == "table":
            return self._splits[clip.clip_id]
        return "train" if clip.subject in self.train_subjects else "test"

    def axis(self, protocol: str) -> Axis:
        """Subjects; for the column split, the first of subject, camera, set-up that differs in training, if any."""
        self._check_protocol(protocol)
        training = [clip for clip in self._clips if self.split(clip, protocol) == "train"]
        axes: tuple[Axis, ...] = ("subject", "camera", "setup") if protocol == "table" else ("subject",)
        for axis in axes:
            if len({getattr(clip, axis) for clip in training} - {UNKNOWN}) > 1:
                return axis
        return "subject"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """The video and the skeleton file, as far as the table names them."""
        found = {"video": clip.video, "skeleton": clip.skeleton}
        return {kind: self.root / path for kind, path in found.items() if path}

    def digests(self, clip: Clip) -> dict[str, str]:
        """sha256 of a skeleton that is a folder: of each JSON file's name and content, in their order."""
        folder = self.sources(clip).get("skeleton")
        if folder is None or not folder.is_dir():
            return {}
        return {"skeleton": digest_of_files(sorted(folder.glob("*_keypoints.json")))}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """From the file or folder; with layout whole_frame, one unknown joint in each frame of the video."""
        if self.layout is WHOLE_FRAME:
            return whole_frame_skeleton(
                self.open_video(clip).probe().num_frames, self.max_persons
            ), frozenset()
        if clip.skeleton is None:
            raise SkeletonError(f"{clip.clip_id}: {NO_SKELETON}")
        return read_joints(self.root / clip.skeleton, self._rule, lambda: self._size_of(clip))

    def open_video(self, clip: Clip) -> VideoSource:
        """The video file; with skeletons alone, what they tell of it."""
        if clip.video:
            return AvVideo(self.root / clip.video)
        skeleton, _ = self.read_skeleton(clip)
        return without_video(clip.clip_id, int(skeleton.video_frame[-1]) + 1, self._frame_size)

    def _size_of(self, clip: Clip) -> tuple[int, int]:
        """Height and width of the clip's pictures in pixels."""
        if not clip.video:
            return self._frame_size
        facts = self.open_video(clip).probe()
        return facts.height, facts.width

    def _check_protocol(self, protocol: str) -> None:
        if not self.protocols:
            raise DatasetError(
                "table: it has no protocol: fill the column `split` with train or test in every row (protocol "
                "`table`), or the column `subject`, and say who trains: index.options.train_subjects (protocol "
                "`subjects`)"
            )
        check_choice(protocol, self.protocols, "table: index.protocol")

    def _protocols(self) -> tuple[str, ...]:
        if self.train_subjects:
            unknown = self.train_subjects - {clip.subject for clip in self._clips}
            if unknown:
                raise ParamError(f"table: train_subjects {sorted(unknown)} are in no row of the table")
        return ("table",) * bool(self._splits) + ("subjects",) * bool(self.train_subjects)

    def _check_skeletons(self) -> None:
        if self.layout is WHOLE_FRAME and any(clip.skeleton for clip in self._clips):
            known = sorted(set(LAYOUTS) - {WHOLE_FRAME.name})
            raise ParamError(
                f"table: it names skeletons; say their layout, one of {known}, or drop the column"
            )

        suffixes = {Path(clip.skeleton or "").suffix for clip in self._clips}
        if suffixes & {*movement_file.SUFFIXES} - ({".csv"} if self.layout is BOX_4 else set()):
            movement_file.check_installed()

    @cached_property
    def _listing(self) -> Listing:
        reasons = {clip.clip_id: reason for clip in self._clips if (reason := self._unusable(clip))}
        return Listing(
            clips=tuple(clip for clip in self._clips if clip.clip_id not in reasons),
            failures=(*self._wrong_rows, *((clip_id, *why) for clip_id, why in sorted(reasons.items()))),
            absent={
                "video missing": sum(reason == NO_VIDEO for _, reason in reasons.values()),
                "skeleton missing": sum(reason == NO_SKELETON for _, reason in reasons.values()),
            },
            unlisted=unlisted_videos(self.root, self._named) if self._named else (),
        )

    def _unusable(self, clip: Clip) -> tuple[str, str] | None:
        """Error class and reason, where a file that the clip needs is not there."""
        needs_video, needs_skeleton = self.modality != "none", self.layout is not WHOLE_FRAME
        if needs_video and not (clip.video and os.path.isfile(self.root / clip.video)):  # noqa: PTH113
            return VideoError.__name__, NO_VIDEO  # isfile: a name too long for the disk is no file
        if needs_skeleton and not (clip.skeleton and os.path.exists(self.root / clip.skeleton)):  # noqa: PTH110
            return SkeletonError.__name__, NO_SKELETON
        return None


def _subjects(named: str | Sequence[int]) -> frozenset[int]:
    """Numbers of subjects, from a list or from text like "1 3 5"."""
    words = named.replace(",", " ").split() if isinstance(named, str) else [str(number) for number in named]
    if not all(word.isdecimal() for word in words):
        raise ParamError(f"table: train_subjects must be whole numbers from 0, got {named!r}")
    return frozenset(int(word) for word in words)
