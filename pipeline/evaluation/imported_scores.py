"""Class scores from elsewhere, joined to the test clips by their names."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.catalog import Catalog
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.late_fusion import Scores
from pipeline.evaluation.score_files import ScoreTable, read_scores
from pipeline.values import Clip

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams, ScoresFile

Floats = NDArray[np.float64]

SHOWN = 5
"""Number of missing clips that a message names."""

SAME_SUM = 1e-3
"""Share by which the sums of rows of probabilities may differ."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Methods that ran elsewhere."""

    scores: tuple[Scores, ...]
    """Scores of the test clips, one entry a file, whose seed stands for none."""
    facts: dict[str, Any]
    """Entry of metrics.json; empty where there are no files."""


def imported_scores(root: Path, train: "HeadParams", catalog: Catalog, ids: Sequence[str]) -> Imported:
    """Read each file of `train.scores` for the test clips `ids`; paths are from `root`.

    Raises ParamError where a file is not there or not the one that params name, DatasetError where it lacks a clip or
    has another number of classes than the dataset.
    """
    found: list[Scores] = []
    facts: dict[str, Any] = {}
    for name, given in train.scores.items():
        place = f"train.scores.{name}"
        table = read_scores(_proved(root / given.path, given, place))
        try:
            rows = _of_classes(table, catalog)[_places(table, catalog, ids)]
        except DatasetError as error:
            raise DatasetError(f"{place}: {given.path}: {error}") from error
        probabilities, kind = _probabilities(rows)
        found.append(Scores(name, train.seeds[0], probabilities))
        facts[name] = {
            "path": given.path,
            "sha256": given.sha256,
            "scores": kind,
            "not_asked": len(table.names) - len(ids),
        }
    return Imported(tuple(found), {"imported": facts} if facts else {})


def _proved(path: Path, given: "ScoresFile", place: str) -> Path:
    """The file, whose bytes are those that params name."""
    if not path.is_file():
        raise ParamError(f"{place}.path: no file {path.absolute()}: put it there, or take {place} out")
    with path.open("rb") as file:
        there = hashlib.file_digest(file, "sha256").hexdigest()
    if there != given.sha256:
        raise ParamError(f"{place}.sha256: {path} has sha256 {there}, params name {given.sha256}")
    return path


def _of_classes(table: ScoreTable, catalog: Catalog) -> Floats:
    """(N, K), columns in the order of the dataset's classes."""
    num_classes = len(catalog.classes)
    if table.scores.shape[1] != num_classes:
        raise DatasetError(
            f"{table.scores.shape[1]} scores a clip, and the dataset has {num_classes} classes"
        )
    if not table.columns:
        return table.scores
    for known in (catalog.classes, tuple(str(number) for number in range(num_classes))):
        if sorted(known) == sorted(table.columns):
            return table.scores[:, [table.columns.index(name) for name in known]]
    strange = sorted(set(table.columns) - set(catalog.classes))
    raise DatasetError(
        f"columns must be the dataset's classes, {list(catalog.classes[:SHOWN])} …, or their numbers from 0; "
        f"{strange[:SHOWN]} are none"
    )


def _places(table: ScoreTable, catalog: Catalog, ids: Sequence[str]) -> list[int]:
    """The row of each of `ids`."""
    row_of, by_id = _rows_by_name(table.names), catalog.by_id
    shared = Counter(name for entry in catalog.entries for name in set(_names(entry.clip)))
    found = {
        clip_id: next((row_of[n] for n in _names(clip) if n in row_of and shared[n] == 1), None)
        for clip_id, clip in ((i, by_id[i].clip) for i in ids)
    }
    if lost := [clip_id for clip_id, row in found.items() if row is None]:
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise DatasetError(
            f"{len(lost)} of {len(ids)} test clips have no scores: {', '.join(lost[:SHOWN])}{more}; it names clips as "
            f"{table.names[0]!r:.80}. Clips go by their id, or by the name of their video or skeleton file"
        )
    return [row for row in found.values() if row is not None]


def _rows_by_name(names: Sequence[str]) -> dict[str, int]:
    """Row by name, and by what a path ends in where one alone ends so."""
    ends = [PurePosixPath(name.replace("\\", "/")).name for name in names]
    alone = Counter(ends)
    short = {end: row for row, end in enumerate(ends) if alone[end] == 1}
    return short | {name: row for row, name in enumerate(names)}


def _names(clip: Clip) -> Iterator[str]:
    """What other programs may call a clip: its id, its own name, its files with and without their ending."""
    yield from dict.fromkeys((clip.clip_id, clip.own_name))
    if clip.interval:
        return
    for path in (clip.skeleton, clip.video):
        if path:
            yield PurePosixPath(path).name
            yield PurePosixPath(path).stem


def _probabilities(scores: Floats) -> tuple[Floats, str]:
    """(N, K) scores as probabilities, and what they were taken for.

    Rows of no negative number that all have one sum are probabilities (several added up, too); all else is what a
    softmax takes.
    """
    sums = scores.sum(axis=1, keepdims=True)
    if scores.min() >= 0 and sums.min() > 0 and np.ptp(sums) <= SAME_SUM * sums.max():
        return scores / sums, "probabilities"
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True), "logits"
