"""Row order: a row keeps its place for life, so that one new row doesn't rewrite every shard."""

import json
import logging
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from ..files import write_atomic
from ..keys import FORMAT, canonical, seal_holds, sealed

log = logging.getLogger(__name__)


def arranged(previous: Sequence[str | None] | None, ids: Iterable[str]) -> tuple[str | None, ...]:
    """Assign ids to rows; None is a hole.

    Fresh: sorted. Afterwards what stays keeps its row, what left leaves a hole, and what is new fills
    the holes first: previous (a, b, c) and ids {a, c, d, e} give (a, d, c, e).
    """
    wanted = ids if isinstance(ids, Set) else set(ids)
    if previous is None:
        return tuple(sorted(wanted))
    if tuple(previous) == tuple(wanted) or (
        len(wanted) == len(previous) and all(map(wanted.__contains__, previous))
    ):
        return tuple(previous)  # nobody came, nobody left
    rows = [row if row in wanted else None for row in previous]
    fresh = iter(sorted(wanted - {*previous}))
    for place, row in enumerate(rows):
        if row is None:
            rows[place] = next(fresh, None)
    return (*rows, *fresh)


def read_order(path: Path) -> tuple[str | None, ...] | None:
    """The order that the last finished build left; None where there was none, or it is damaged.

    Without it rows are sorted anew: shards are written again from what the cache holds, nothing is computed.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if order_damage(data) is not None:
        log.warning("row order %s is damaged and not used: `python cli.py cache repair` restores it", path)
        return None
    return tuple(json.loads(data)["rows"])


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
    if read_order(path) == tuple(rows):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, sealed({"format": FORMAT, "rows": list(rows)}))
