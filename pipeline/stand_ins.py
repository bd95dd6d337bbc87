"""Stand-ins for results that are not made yet: what a plan expects at a path is given to whoever opens that path."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_AT: ContextVar[dict[Path, Any]] = ContextVar("stand_ins")


def stand_in(path: Path) -> Any:
    """Return what stands in for the file or folder at `path`; None where what lies there is meant."""
    return _AT.get({}).get(path)


@contextmanager
def standing_in() -> Iterator[dict[Path, Any]]:
    """Within, each path that is put into the mapping is opened as the value beside it; afterwards none is."""
    places: dict[Path, Any] = {}
    token = _AT.set(places)
    try:
        yield places
    finally:
        _AT.reset(token)
