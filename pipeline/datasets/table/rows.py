"""A plain table of recordings, CSV or Parquet: read whole, each cell checked, mistakes named by row."""

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import ClipError, DatasetError
from pipeline.values import MOST, UNKNOWN, Clip, Split

REQUIRED = ("video", "label")
OPTIONAL = ("clip_id", "skeleton", "subject", "camera", "setup", "split")

MOST_DIGITS = 10
"""Of a number that may be a subject, camera or set-up."""

Row = dict[str, str]
"""Column → text; "" where the cell is empty."""


def read_rows(path: Path) -> list[Row]:
    """Rows of a `.csv` (UTF-8, columns named by its first line) or `.parquet` file. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(f"table: no file {path}; name the table with the option `table`")
    if path.suffix not in (".csv", ".parquet"):
        raise DatasetError(f"table: {path.name} must be .csv or .parquet")
    columns, rows = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    _check_columns(columns, path.name)
    if not rows:
        raise DatasetError(f"table: {path.name} has no rows below its header")
    return rows


def clips_of(rows: Sequence[Row]) -> tuple[tuple[Clip, ...], tuple[str, ...], dict[str, Split]]:
    """Clips sorted by id, the names of their labels, and the split of each clip that has one.

    Labels may be names or numbers; they are numbered in sorted order, numbers by value. A clip's id is its
    cell `clip_id`, else the name of its video without folder and ending.
    """
    labels = sorted({row["label"] for row in rows}, key=_number_first)
    clips: dict[str, Clip] = {}
    splits: dict[str, Split] = {}
    for number, row in enumerate(rows, start=1):
        clip = _clip(row, labels.index(row["label"]), number)
        if clip.clip_id in clips:
            raise DatasetError(
                f"table: row {number}: clip id {clip.clip_id!r} stands twice; fill the column clip_id"
            )
        clips[clip.clip_id] = clip
        if split := row.get("split"):
            splits[clip.clip_id] = _split(split, number)
    return tuple(clips[clip_id] for clip_id in sorted(clips)), tuple(labels), splits


def _read_csv(path: Path) -> tuple[list[str], list[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        try:
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DatasetError(f"table: {path.name} is no CSV in UTF-8: {error}") from error
        columns = list(reader.fieldnames or ())
    for number, row in enumerate(rows, start=1):
        if "" in row:
            raise DatasetError(f"table: {path.name}, row {number}: more cells than the header has columns")
    return columns, [{column: text.strip() for column, text in row.items()} for row in rows]


def _read_parquet(path: Path) -> tuple[list[str], list[Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise DatasetError(f"table: {path.name} is no Parquet file: {error}") from error
    rows = [
        {column: "" if cell is None else str(cell).strip() for column, cell in row.items()}
        for row in table.to_pylist()
    ]
    return list(table.column_names), rows


def _check_columns(columns: Sequence[str], name: str) -> None:
    """Every required column is there, and no other than those known."""
    known = (*REQUIRED, *OPTIONAL)
    for column in columns:
        if column not in known:
            near = get_close_matches(column, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise DatasetError(f"table: {name}: unknown column {column!r}; {hint}")
    for column in REQUIRED:
        if column not in columns:
            raise DatasetError(f"table: {name}: column {column!r} is missing; {list(columns)} are there")


def _number_first(label: str) -> tuple[int, int, str, str]:
    """Numbers by value, however long; then words."""
    digits = label.lstrip("0")
    return (0, len(digits), digits, label) if label.isdecimal() else (1, 0, "", label)


def _clip(row: Row, label: int, number: int) -> Clip:
    for column in REQUIRED:
        if not row[column]:
            raise DatasetError(f"table: row {number}: {column} is empty")
    try:
        return Clip(
            clip_id=row.get("clip_id") or Path(row["video"]).stem,
            label=label,
            video=row["video"],
            skeleton=row.get("skeleton") or None,
            **{
                column: _whole(row.get(column, ""), column, number)
                for column in ("subject", "camera", "setup")
            },
        )
    except ClipError as error:
        raise DatasetError(f"table: row {number}: {error}") from error


def _whole(text: str, column: str, number: int) -> int:
    if not text:
        return UNKNOWN
    if not text.isdecimal():
        raise DatasetError(f"table: row {number}: {column} must be a whole number, got {text!r}; number them")
    if len(text) > MOST_DIGITS:
        raise DatasetError(
            f"table: row {number}: {column} must be {MOST:,} at most, got a number of {len(text)} digits; number "
            "them from 0 or 1 on"
        )
    return int(text)


def _split(text: str, number: int) -> Split:
    if text == "train":
        return "train"
    if text == "test":
        return "test"
    raise DatasetError(f"table: row {number}: split must be 'train' or 'test', got {text!r}")
