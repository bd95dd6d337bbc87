"""Files of class scores by clip id, as other programs write them: pickles, `.npz` and CSV."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.pyskl.plain_pickle import read_plain_pickle
from pipeline.errors import DatasetError
from pipeline.npz import npz_arrays
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]

SHOWN = 3
"""Number of names that a message lists."""


@dataclass(frozen=True, slots=True, repr=False)
class ScoreTable(ShownByShape):
    """Scores of some clips as a file has them."""

    names: tuple[str, ...]
    """N names of clips, in the file's words; each stands once."""
    scores: Floats
    """(N, K), all finite: probabilities, or scores before a softmax."""
    columns: tuple[str, ...] = ()
    """K names of the columns; empty where the file has none, and classes are numbered from 0."""


def read_scores(path: Path) -> ScoreTable:
    """Read a file of scores by its ending.

    `.pkl`: a dict of clip id to K scores, as 2s-AGCN and MMNet write it; a list of such pairs; or a pair of all ids and
    an (N, K) array. `.npz`: `ids` (N,) text and `scores` (N, K). `.csv`: the column `clip_id` and one a class. Nothing
    in a pickle is run. Raises DatasetError, with the file's name, for anything else.
    """
    if path.suffix not in _READERS:
        raise DatasetError(f"{path.name}: scores come as {', '.join(_READERS)}, by the file's ending")
    names, rows, columns = _READERS[path.suffix](path)
    return ScoreTable(_each_once(names, path.name), _matrix(names, rows, path.name), tuple(columns))


_Rows = tuple[Sequence[str], Any, Sequence[str]]
"""Names, scores of each, and names of columns."""


def _pickled(path: Path) -> _Rows:
    content = read_plain_pickle(path)
    if isinstance(content, dict):
        pairs: Any = list(content.items())
    elif isinstance(content, list | tuple) and len(content) == 2 and _are_names(content[0]):
        pairs = list(zip(*content, strict=False)) if len(content[0]) == len(content[1]) else None
    else:
        pairs = content
    if not isinstance(pairs, list) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise DatasetError(
            f"{path.name}: expected a dict of clip id to scores, a list of (id, scores), or (ids, scores); got "
            f"{_kind(content)}. A list of scores alone does not say whose they are: write the ids beside them"
        )
    if not _are_names([name for name, _ in pairs]):
        raise DatasetError(
            f"{path.name}: clip ids must be text, got {_kind(pairs[0][0]) if pairs else 'none'}"
        )
    return [name for name, _ in pairs], [scores for _, scores in pairs], ()


def _are_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _kind(value: Any) -> str:
    inside = (
        f" of {len(value)}, the first a {type(value[0]).__name__}"
        if isinstance(value, list) and value
        else ""
    )
    return f"a {type(value).__name__}{inside}"


def _zipped(path: Path) -> _Rows:
    try:
        arrays = npz_arrays(path.read_bytes())
    except ValueError as error:
        raise DatasetError(f"{path.name}: {error}") from error
    if lacking := [name for name in ("ids", "scores") if name not in arrays]:
        raise DatasetError(f"{path.name}: no array {' and '.join(lacking)}; it has {sorted(arrays)}")
    ids = arrays["ids"]
    if ids.dtype.kind not in "US" or ids.ndim != 1:
        raise DatasetError(f"{path.name}: ids must be (N,) text, got {ids.shape} of {ids.dtype}")
    texts = ids.astype(str).tolist() if ids.dtype.kind == "U" else [i.decode("latin1") for i in ids.tolist()]
    if len(arrays["scores"]) != len(texts):
        raise DatasetError(f"{path.name}: {len(texts)} ids and scores {arrays['scores'].shape}: one row each")
    return texts, arrays["scores"], ()


def _separated(path: Path) -> _Rows:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path.name} is no CSV in UTF-8: {error}") from error
    if "clip_id" not in head:
        raise DatasetError(f"{path.name}: no column clip_id in its first line; {head[:SHOWN]} … are there")
    place = head.index("clip_id")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise DatasetError(f"{path.name}: line {number} has {len(row)} cells, the first line {len(head)}")
    return (
        [row[place] for row in rows],
        [[cell for at, cell in enumerate(row) if at != place] for row in rows],
        [name for at, name in enumerate(head) if at != place],
    )


_READERS: dict[str, Callable[[Path], _Rows]] = {".pkl": _pickled, ".npz": _zipped, ".csv": _separated}


def _each_once(names: Sequence[str], file: str) -> tuple[str, ...]:
    if not names:
        raise DatasetError(f"{file}: no clip in it")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DatasetError(f"{file}: {len(twice)} clips stand twice: {_some(twice)}")
    return tuple(names)


def _matrix(names: Sequence[str], rows: Any, file: str) -> Floats:
    """(N, K); of a row that is none, the clip's name."""
    try:
        made = [np.asarray(row, np.float64).reshape(-1) for row in rows]
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{file}: scores that are no numbers: {error!s:.100}") from error
    sizes = Counter(len(row) for row in made)
    usual = sizes.most_common(1)[0][0]
    if len(sizes) > 1:
        other = [name for name, row in zip(names, made, strict=True) if len(row) != usual]
        raise DatasetError(
            f"{file}: most clips have {usual} scores, and others have more or fewer: {_some(other)}"
        )
    if usual < 2:
        raise DatasetError(
            f"{file}: a clip has {usual} scores; one a class is needed, not the predicted class"
        )
    matrix = np.stack(made)
    if lost := [name for name, row in zip(names, matrix, strict=True) if not np.isfinite(row).all()]:
        raise DatasetError(f"{file}: scores of {len(lost)} clips are not finite: {_some(lost)}")
    return matrix


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name)[:80] for name in names[:SHOWN]) + more
