"""PKU-MMD's text files: labels, skeletons and the lists of recordings."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ClipError, DatasetError, SkeletonError
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import Split

NUM_PERSONS = 2
ROW_NUMBERS = NUM_PERSONS * NTU_25.num_joints * 3
NUM_ACTIONS = 51
RECORDING = re.compile(r"(?:\d{4}|A\d{2}N\d{2})-[LMR]")
"""Recordings of the first phase, 0002-L, and of the second, A01N02-L."""

SECTIONS: dict[str, Split] = {"train": "train", "valid": "test", "test": "test"}
"""Beginning of the line above a list, in small letters."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a recording: frames [start, end)."""

    label: int
    start: int
    end: int


def read_labels(path: Path) -> Iterator[Action | ClipError]:
    """Yield each line's action, "label,start,end,confidence", labels less one; a ClipError for one out of form."""
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        numbers = [int(field) for field in fields[:3] if field.isdecimal() and len(field) < 10]
        if len(numbers) == 3 and 1 <= numbers[0] <= NUM_ACTIONS and numbers[1] < numbers[2]:
            yield Action(numbers[0] - 1, numbers[1], numbers[2])
        else:
            yield ClipError(
                f"{path.name}: line {number}: expected an action from 1 to {NUM_ACTIONS}, its first frame and the one "
                f"after its last, got {line!r:.60}"
            )


def read_sides(path: Path) -> dict[str, Split]:
    """The side of each recording that a list like cross-subject.txt names. Raises DatasetError.

    The list has a line "Training videos:", one of names, another such pair for validation, which tests.
    """
    sides: dict[str, Split] = {}
    side: Split | None = None
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        names = RECORDING.findall(line)
        if not names:
            began = line.strip().lower()
            side = next((split for prefix, split in SECTIONS.items() if began.startswith(prefix)), side)
        elif side is None:
            raise DatasetError(
                f"pku_mmd: {path.name}: names stand before any line that says whether they train: {line!r:.60}"
            )
        for name in names:
            if sides.setdefault(name, side or "unused") != side:
                raise DatasetError(f"pku_mmd: {path.name}: it puts {name} on two sides; fetch it again")
    if not {"train", "test"} <= set(sides.values()):
        raise DatasetError(
            f"pku_mmd: {path.name}: expected 'Training videos:' and 'Validation videos:', each above names like "
            "0002-L or A01N02-L"
        )
    return sides


def read_joints(path: Path) -> NDArray[np.float64]:
    """(T, 2, 25, 3) metres of a recording's two people; zeros where one is not there. Raises SkeletonError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the recording") from error
    try:
        rows = (
            np.loadtxt(io.BytesIO(content), dtype=np.float64, ndmin=2)
            if content.strip()
            else np.empty((0, 0))
        )
    except ValueError as error:
        raise SkeletonError(f"{path.name}: expected {ROW_NUMBERS} numbers a line: {error!s:.120}") from error
    if rows.shape[1] != ROW_NUMBERS or len(rows) == 0:
        raise SkeletonError(
            f"{path.name}: expected {ROW_NUMBERS} numbers a line, two people of 25 joints, got {rows.shape}; fetch it "
            "again"
        )
    return rows.reshape(-1, NUM_PERSONS, NTU_25.num_joints, 3)
