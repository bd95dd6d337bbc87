"""A plain table of recordings, CSV or Parquet: read whole, each cell checked, mistakes named by row."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.datasets.clip_ids import clip_id_of, name_beside, names_of_files
from pipeline.datasets.find_files import shown
from pipeline.errors import ClipError, DatasetError
from pipeline.values import MOST, UNKNOWN, Clip, Split

REQUIRED = ("label",)
FILES = ("video", "skeleton")
"""At least one of these columns must be there."""
OPTIONAL = ("clip_id", "subject", "camera", "setup", "split")
SPLITS: dict[str, Split] = {"train": "train", "test": "test", "unused": "unused", "": "unused"}
"""Values of a cell of the column split; an empty one leaves the clip out."""

Row = dict[str, str]
"""Column → text; "" where the cell is empty, the column `None` where a row has more cells than the header."""


@dataclass(frozen=True, slots=True)
class TableClips:
    """Clips that the table's rows describe."""

    clips: tuple[Clip, ...]
    """Sorted by id."""
    labels: tuple[str, ...]
    """Names of the labels 0, 1, …"""
    splits: dict[str, Split]
    """Split of each clip, by id; empty where no row says train or test."""
    failures: tuple[tuple[str, str, str], ...]
    """(id, error class, reason) of each row that says nothing usable."""


def read_rows(path: Path) -> list[Row]:
    """Rows of a `.csv` (UTF-8, columns named by its first line) or `.parquet` file. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(
            f"table: no file {path}; name the table with the option `table`; found {shown(path.parent)}"
        )
    if path.suffix not in (".csv", ".parquet"):
        raise DatasetError(f"table: {path.name} must be .csv or .parquet")
    columns, rows = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    _check_columns(columns, path.name)
    if not rows:
        raise DatasetError(f"table: {path.name} has no rows below its header")
    return rows


def clips_of(rows: Sequence[Row]) -> TableClips:
    """Every row as a clip, or as a failure of its own.

    Labels may be names or numbers; they are numbered in sorted order, numbers by value. A clip's name is its
    cell `clip_id`, else the shortest of its video's (or skeleton's) file name that tells it from the others.
    """
    failures: dict[str, tuple[str, str]] = {}
    good: dict[int, Row] = {}
    for number, row in enumerate(rows, start=1):
        if wrong := _mistake(row):
            failures[f"row {number}"] = (DatasetError.__name__, f"table: row {number}: {wrong}")
        else:
            good[number] = row
    labels = sorted({row["label"] for row in good.values()}, key=_number_first)
    classes = {label: place for place, label in enumerate(labels)}
    names = names_of_files(_file(row) for row in good.values() if not row.get("clip_id"))
    clips: dict[str, Clip] = {}
    splits: dict[str, Split] = {}
    for number, row in good.items():
        try:
            clip = _clip(row, classes[row["label"]], row.get("clip_id") or names[_file(row)])
            if clip.clip_id in clips:
                raise ClipError(f"clip id {clip.own_name!r:.80} stands twice; fill the column clip_id")
        except ClipError as error:
            failures[f"row {number}"] = (type(error).__name__, f"table: row {number}: {error}")
        else:
            clips[clip.clip_id] = clip
            splits[clip.clip_id] = SPLITS[row.get("split", "")]
    known_splits = splits if {"train", "test"} & set(splits.values()) else {}
    lost = tuple((place, *why) for place, why in failures.items())
    return TableClips(tuple(clips[clip_id] for clip_id in sorted(clips)), tuple(labels), known_splits, lost)


def _mistake(row: Row) -> str | None:
    """What is wrong with a row by itself."""
    if None in row:
        return "more cells than the header has columns"
    if not row["label"]:
        return "label is empty"
    if not _file(row):
        return f"{' and '.join(column for column in FILES if column in row)} is empty"
    if (split := row.get("split", "")) not in SPLITS:
        return f"split must be 'train', 'test', 'unused' or empty, got {split!r:.40}"
    for column in ("subject", "camera", "setup"):
        text = row.get(column, "")
        if text and not (text.isdecimal() and len(text) <= len(str(MOST))):
            return f"{column} must be a whole number from 0 to {MOST}, got {text!r:.40}; number them"
    return None


def _file(row: Row) -> str:
    return row.get("video") or row.get("skeleton") or ""


def _read_csv(path: Path) -> tuple[list[str], list[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        try:
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DatasetError(f"table: {path.name} is no CSV in UTF-8: {error}") from error
        columns = list(reader.fieldnames or ())
    return columns, [{column: _text(cell) for column, cell in row.items()} for row in rows]


def _read_parquet(path: Path) -> tuple[list[str], list[Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DatasetError(f"table: {path.name} is no Parquet file: {error!s:.200}") from error
    return list(table.column_names), [{column: _text(cell) for column, cell in row.items()} for row in rows]


def _text(cell: Any) -> str:
    """A cell as CSV would have it: empty where there is none, and 3.0 is 3, as other programs write 3 and gaps."""
    if isinstance(cell, float):
        if math.isnan(cell):
            return ""
        if cell.is_integer():
            return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _check_columns(columns: Sequence[str], name: str) -> None:
    """Every required column is there, and no other than those known."""
    known = (*FILES, *REQUIRED, *OPTIONAL)
    for column in columns:
        if column not in known:
            near = get_close_matches(column, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise DatasetError(f"table: {name}: unknown column {column!r:.80}; {hint}")
    if len(set(columns)) < len(columns):
        raise DatasetError(f"table: {name}: a column stands twice among {list(columns)}; drop one")
    for column in REQUIRED:
        if column not in columns:
            raise DatasetError(f"table: {name}: column {column!r} is missing; {list(columns)} are there")
    if not set(FILES) & set(columns):
        raise DatasetError(
            f"table: {name}: column 'video' or 'skeleton' is missing; {list(columns)} are there"
        )


def _number_first(label: str) -> tuple[int, int, str]:
    is_number = label.isdecimal() and len(label) <= len(str(MOST))
    return (0, int(label), label) if is_number else (1, 0, label)


def _clip(row: Row, label: int, name: str) -> Clip:
    clip_id = clip_id_of(name)
    numbers = {column: row.get(column, "") for column in ("subject", "camera", "setup")}
    return Clip(
        clip_id=clip_id,
        label=label,
        video=row.get("video", ""),
        skeleton=row.get("skeleton") or None,
        name=name_beside(clip_id, name),
        **{column: int(text) if text else UNKNOWN for column, text in numbers.items()},
    )
