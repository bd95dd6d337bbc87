"""Boxes around people from elsewhere, as a skeleton of their four corners (layout `box_4`)."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.table.keypoints import Floats, followed, tracked
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import BOX_4
from pipeline.values import Skeleton

COLUMNS = ("frame", "left", "top", "right", "bottom")
"""Columns that a table of boxes must have, in pixels; `score` and `person` may stand beside them."""

FORM = f"a table of boxes with the columns {','.join(COLUMNS)}, and score and person where they are known"

PERSON = 1
"""COCO's category of people; of the other categories no box is read."""


def corners(left: float, top: float, right: float, bottom: float, score: float) -> Floats:
    """(4, 3): x, y and score of the corners in the order of `box_4`. Raises ValueError where it is no box."""
    if not (left < right and top < bottom):
        raise ValueError(f"a box needs left < right and top < bottom, got {left}, {top}, {right}, {bottom}")
    return np.array([[x, y, score] for y in (top, bottom) for x in (left, right)], np.float64)


def coco_corners(result: Mapping[str, Any]) -> Floats | None:
    """Corners of the `bbox` (left, top, width, height) of COCO's annotation or result; None where it is nobody's."""
    if result.get("category_id", PERSON) != PERSON or not result.get("bbox"):
        return None
    left, top, width, height = (float(number) for number in result["bbox"])
    return corners(left, top, left + width, top + height, float(result.get("score", 1.0)))


def read_boxes(path: Path, max_persons: int, first_frame: int) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton of corners in a CSV of boxes, one a line, and its flags.

    Where there is a column `person`, it tells people apart; without, they are followed from frame to frame by the
    overlap of their boxes. Raises SkeletonError.
    """
    people: dict[str, dict[int, list[Floats]]] = defaultdict(lambda: defaultdict(list))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, strict=True), start=2):
                who, frame, box = _row(row, path.name, number)
                people[who][frame - first_frame].append(box)
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; make it, or leave the cell empty") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise SkeletonError(f"{path.name}: expected {FORM} ({error!s:.80})") from error
    if set(people) <= {""}:
        return followed(people.get("", {}), BOX_4, BOX_4, max_persons, path.name)
    twice = [(who, frame) for who, seen in people.items() for frame, boxes in seen.items() if len(boxes) > 1]
    if twice:
        who, frame = twice[0]
        raise SkeletonError(f"{path.name}: person {who!r} has two boxes in frame {frame + first_frame}")
    each = [{frame: boxes[0] for frame, boxes in seen.items()} for _, seen in sorted(people.items())]
    return tracked(each, range(BOX_4.num_joints), BOX_4, max_persons, path.name)


def _row(row: Mapping[str | None, Any], name: str, number: int) -> tuple[str, int, Floats]:
    """Person, frame and corners of one line."""
    if lacking := [column for column in COLUMNS if row.get(column) is None]:
        raise SkeletonError(f"{name}: line {number} has no {', '.join(lacking)}; expected {FORM}")
    try:
        left, top, right, bottom = (float(row[column]) for column in COLUMNS[1:])
        score = float(row.get("score") or 1.0)
        return str(row.get("person") or ""), int(row["frame"]), corners(left, top, right, bottom, score)
    except ValueError as error:
        raise SkeletonError(f"{name}: line {number}: {error!s:.120}; expected {FORM}") from error
