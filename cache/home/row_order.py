"""Row order: a row keeps its place for life, so that one new row doesn't rewrite every shard."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BuildError
from ..files import write_atomic
from ..keys import FORMAT, canonical, canonical_with, seal_holds, sealed_text, spelled

log = logging.getLogger(__name__)


def arranged(previous: Sequence[str | None] | None, ids: Sequence[str]) -> NDArray[np.intp]:
    """(N,): for each row of the store which of `ids` it holds, -1 for a hole.

    Fresh: sorted. Afterwards what stays keeps its row, what left leaves a hole, and what is new fills
    the holes first: previous (a, b, c) and ids (a, c, d, e) give (a, d, c, e), as 0, 2, 1, 3. Raises BuildError where
    two ids are alike.
    """
    if len(set(ids)) < len(ids):
        twice, _ = Counter(ids).most_common(1)[0]
        raise BuildError(f"two rows have the id {twice!r}; ids must differ")
    rows = _stayed([*previous] if previous else [], [*ids])
    kept = np.zeros(len(ids), bool)
    kept[rows[rows >= 0]] = True
    fresh = sorted(np.flatnonzero(~kept).tolist(), key=ids.__getitem__)
    holes = np.flatnonzero(rows < 0)[: len(fresh)]
    rows[holes] = fresh[: len(holes)]
    return np.append(rows, np.array(fresh[len(holes) :], np.intp))


def _stayed(previous: list[str | None], ids: list[str]) -> NDArray[np.intp]:
    """(len(previous),): which of `ids` still holds each row, -1 where it left.

    Ids are looked up only between the first and the last that differ, and there stretch by stretch of what is alike.
    """
    head = _alike(previous, 0, ids, 0)
    tail = min(_alike(previous[::-1], 0, ids[::-1], 0), len(previous) - head, len(ids) - head)
    at, end, shift = head, len(previous) - tail, len(ids) - len(previous)
    number = dict(zip(ids[head : end + shift], range(head, end + shift), strict=True))
    rows = np.arange(len(previous))
    rows[end:] += shift
    while at < end:
        first = number.get(previous[at] or "", -1)
        count = 1 if first < 0 else _alike(previous, at, ids, first)
        rows[at : at + count] = -1 if first < 0 else np.arange(first, first + count)
        at += count
    return rows


def _alike(one: list[str | None], at: int, other: list[str], first: int) -> int:
    """How many items are alike from there on: in steps that double, then halve where they went too far."""
    count, step, growing = 0, 1, True
    while step:
        ahead = one[at + count : at + count + step]
        alike = bool(ahead) and ahead == other[first + count : first + count + step]
        count += alike * len(ahead)
        growing &= alike
        step = step * 2 if growing else step // 2
    return count


class KnownOrder:
    """The order that the last finished build left, and the bytes that say so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = _bytes(path)
        self.rows = _parsed(path, self._data)
        """The ids in their order, None for a hole; None where there is no order to believe."""

    def replace(self, rows: tuple[str | None, ...]) -> None:
        """Do as `write_order` does, which spells all rows only where they, or the file, are others than they were."""
        if rows != self.rows or _bytes(self._path) != self._data:
            write_order(self._path, rows)


def read_order(path: Path) -> tuple[str | None, ...] | None:
    """The order that the last finished build left; None where there was none, or it is damaged.

    Without it rows are sorted anew: shards are written again from what the cache holds, nothing is computed.
    """
    return _parsed(path, _bytes(path))


def order_damage(data: bytes) -> str | None:
    """Describe what is wrong with an order's bytes; None where nothing is."""
    if seal_holds(data):
        return None
    try:
        document = json.loads(data)
        older = canonical({"format": FORMAT, "rows": document["rows"]}) == data  # of before there were seals
    except (ValueError, KeyError, TypeError) as error:
        return f"unreadable ({error!r})"
    return None if older else "it fails its seal"


def write_order(path: Path, rows: Sequence[str | None]) -> None:
    """Remember the order for the next build, where it is another. The caller holds the store's lock."""
    data = sealed_text(canonical_with({"format": FORMAT}, "rows", _spelled(rows)))
    if _bytes(path) == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)


def _bytes(path: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _parsed(path: Path, data: bytes | None) -> tuple[str | None, ...] | None:
    if data is None:
        return None
    if order_damage(data) is not None:
        log.warning("row order %s is damaged and not used: `python cli.py cache repair` restores it", path)
        return None
    return tuple(json.loads(data)["rows"])


def _spelled(rows: Sequence[str | None]) -> bytes:
    """Canonical JSON of printable ASCII words, None for a hole; at once where nothing in them is escaped."""
    text = "\n".join([row or "" for row in rows])
    if '"' in text or "\\" in text:
        return spelled([*rows]).encode("ascii")
    return f'["{text}"]'.replace("\n", '","').replace('""', "null").encode("ascii")
