"""Facts of a dataset, as far as a preset depends on it: modalities, lengths, sizes, splits."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.protocol import UNSTATED_LICENCE, Dataset
from pipeline.datasets.table.rows import read_rows
from pipeline.errors import ClipError, DatasetError, ParamError
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME
from pipeline.values import Clip

LOOKED_AT = 200
"""Clips whose videos and skeletons are looked at, evenly chosen."""

ROOM = 1.2
"""Longest clip seen, times this, is the longest that is let in."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Facts of a dataset's folder."""

    adapter: str
    options: Mapping[str, Any]
    """Options that the adapter was opened with."""
    clips: int
    classes: int
    failures: tuple[tuple[str, str, str], ...]
    """(clip id, error class, reason) of what lies there and cannot be used."""
    has_videos: bool
    has_skeletons: bool
    pixels: bool
    """Whether joints are known in pixels of the video."""
    metres: bool
    """Whether joints are known in metres."""
    longest: int
    """Frames of the longest clip that was looked at."""
    size: tuple[int, int] | None
    """Height and width in pixels of most videos that were looked at; None without any."""
    protocols: tuple[str, ...]
    groups: int
    """Subjects (or cameras, set-ups) among the training clips of the first protocol."""
    parts: Mapping[str, int]
    """Clips by side of the first protocol."""
    looked_at: int
    """Clips that were looked at."""
    unreadable: tuple[tuple[str, str], ...]
    """(clip id, reason) of each clip that was looked at and cannot be read."""
    licensed: bool
    """Whether the dataset says on which terms its recordings are used."""

    @property
    def max_frames(self) -> int:
        """Frames that a clip may have: the longest and a fifth, in whole tens."""
        return max(32, -(-int(self.longest * ROOM) // 10) * 10)


def look(
    dataset: Dataset, adapter: str, options: Mapping[str, Any], *, at_most: int | None = LOOKED_AT
) -> Seen:
    """Look at some clips of an opened dataset, or at all where `at_most` is None.

    Raises DatasetError where it has none that can be read.
    """
    listing = dataset.listing()
    chosen = _evenly(listing.clips, len(listing.clips) if at_most is None else at_most)
    has_skeletons, has_videos = dataset.layout is not WHOLE_FRAME, dataset.modality != "none"
    lengths, sizes, known, unreadable = _measured(dataset, chosen, has_skeletons=has_skeletons)
    protocol = next(iter(dataset.protocols), None)
    sides = {clip.clip_id: dataset.split(clip, protocol) for clip in listing.clips} if protocol else {}
    training = [clip for clip in listing.clips if sides.get(clip.clip_id) == "train"]
    return Seen(
        adapter,
        options,
        clips=len(listing.clips),
        classes=len(dataset.classes),
        failures=listing.failures,
        has_videos=has_videos,
        has_skeletons=has_skeletons,
        pixels="pixels" in known,
        metres="metres" in known,
        longest=max(lengths),
        size=sizes.most_common(1)[0][0] if has_videos else None,
        protocols=dataset.protocols,
        groups=len({getattr(clip, dataset.axis(protocol)) for clip in training}) if protocol else 0,
        parts=Counter(sides.values()),
        looked_at=len(chosen),
        unreadable=tuple(unreadable),
        licensed=dataset.card.licence != UNSTATED_LICENCE,
    )


def _measured(
    dataset: Dataset, clips: Sequence[Clip], *, has_skeletons: bool
) -> tuple[list[int], Counter[tuple[int, int]], set[str], list[tuple[str, str]]]:
    """Length of each clip that can be read, how often which size, units in which joints are known; what cannot be."""
    lengths, sizes, known = list[int](), Counter[tuple[int, int]](), set[str]()
    wrong = list[tuple[str, str]]()
    for clip in clips:
        try:
            video = dataset.open_video(clip).probe()
            if has_skeletons:
                skeleton, _ = dataset.read_skeleton(clip)
                joints = {"pixels": skeleton.joints_2d, "metres": skeleton.joints_3d}
                known |= {unit for unit, values in joints.items() if np.isfinite(values).any()}
        except ClipError as error:
            wrong.append((clip.clip_id, str(error)))
        else:
            lengths.append(video.num_frames)
            sizes[video.height, video.width] += 1
    if not lengths:
        reasons = "; ".join(": ".join(line) for line in (*wrong[:3], *dataset.listing().failures[:3]))
        raise DatasetError(f"{dataset.name}: no clip can be read: {reasons or 'it lists none'}")
    return lengths, sizes, known, wrong


def layout_of_table(root: Path, table: str) -> str:
    """Name the joint layout of a table's skeletons by their number of joints; `whole_frame` where it has none.

    Raises ParamError where several layouts have so many.
    """
    named = [row["skeleton"] for row in read_rows(root / table) if row.get("skeleton")]
    there = [root / name for name in named if (root / name).exists()]
    if not there:
        return WHOLE_FRAME.name
    count, kind = _num_joints(there[0])
    fitting = [name for name, layout in LAYOUTS.items() if layout.num_joints == count and kind in name]
    if len(fitting) != 1:
        raise ParamError(
            f"{there[0].name} has {count} joints, which {' and '.join(fitting) or 'no layout'} has: say --layout, "
            f"one of {sorted(set(LAYOUTS) - {WHOLE_FRAME.name})} (pipeline/skeleton/layouts.py has their orders)"
        )
    return fitting[0]


def _num_joints(path: Path) -> tuple[int, str]:
    """Number of joints of a skeleton's file, and a word that its layout's name holds."""
    try:
        if path.is_dir():
            files = sorted(path.glob("*_keypoints.json"))
            people = next(p for file in files if (p := json.loads(file.read_text())["people"]))
            return len(people[0]["pose_keypoints_2d"]) // 3, "openpose"
        if path.suffix == ".json":
            return 17, "coco"
        with np.load(path) as file:
            name = next(name for name in ("joints_2d", "joints_3d") if name in file.files)
            return int(file[name].shape[2]), ""
    except (StopIteration, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ParamError(f"{path}: its number of joints cannot be read ({error!r}): say --layout") from error


def _evenly(clips: Sequence[Clip], count: int) -> list[Clip]:
    places = np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int))
    return [clips[place] for place in places] if clips else []
