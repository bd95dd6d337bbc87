"""Row order: a row keeps its place for life, so that one new row doesn't rewrite every shard."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from .files import write_atomic
from .keys import FORMAT, canonical


def arranged(previous: Sequence[str | None] | None, ids: Iterable[str]) -> tuple[str | None, ...]:
    """Which id stands in which row; None is a hole.

    Fresh: sorted. Afterwards what stays keeps its row, what left leaves a hole, and what is new fills
    the holes first: previous (a, b, c) and ids {a, c, d, e} give (a, d, c, e).
    """
    wanted = set(ids)
    if previous is None:
        return tuple(sorted(wanted))
    rows = [row if row in wanted else None for row in previous]
    fresh = iter(sorted(wanted.difference(previous)))
    for place, row in enumerate(rows):
        if row is None:
            rows[place] = next(fresh, None)
    return (*rows, *fresh)


def read_order(path: Path) -> tuple[str | None, ...] | None:
    """The order that the last finished build left; None where there was none."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return tuple(document["rows"])


def write_order(path: Path, rows: Sequence[str | None]) -> None:
    """Remember the order for the next build. The caller holds the store's lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical({"format": FORMAT, "rows": list(rows)}))
