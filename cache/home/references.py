"""Uses: which published folder needs which shards and blobs. What no use names, `gc` may take away."""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import CacheError
from ..files import write_atomic
from ..keys import FORMAT, JSON, key_of, seal_holds, sealed
from ..locks import locked
from ..shards.records import who_and_when
from .home import Cache


@dataclass(frozen=True, slots=True)
class Use:
    """One folder that was published out of the cache, or adopted into it."""

    out: Path
    """On `host`."""
    host: str
    user: str
    made_at: datetime
    shards: frozenset[str]
    blobs: frozenset[str]
    facts: Mapping[str, Any]
    """Facts of the last build: name, rows, made."""

    def alive(self, since: datetime) -> bool:
        """Whether its folder may still be there: it is, or is another host's, or was made after `since`."""
        return self.host != socket.gethostname() or self.out.exists() or self.made_at > since


def remember_use(
    cache: Cache, out: Path, *, shards: Iterable[str] = (), blobs: Iterable[str] = (),
    facts: Mapping[str, JSON] | None = None, replacing: bool = False,
) -> None:  # fmt: skip
    """Record what the folder `out` needs; replaces its earlier record.

    replacing: the folder is about to be replaced: until that is done, both the old and the new are needed.
    """
    who, needed = who_and_when(), frozenset(shards)
    document: dict[str, JSON] = {
        "format": FORMAT, "out": str(Path(out).absolute()), **who, "facts": dict(facts or {}),
        "shards": [*sorted(needed)], "blobs": [*sorted(blobs)],
    }  # fmt: skip
    path = cache.root / "uses" / f"{key_of([who['host'], document['out']])}.json"
    with locked(path.with_suffix(".lock")):
        if replacing and path.exists() and use_damage(path) is None:
            document["shards"] = [*sorted(needed | _use(path).shards)]
        write_atomic(path, sealed(document))


def read_uses(cache: Cache) -> list[Use]:
    """Read every use, by folder. Raises CacheError where one is damaged: its needs are then unknown."""
    return sorted((_use(path) for path in (cache.root / "uses").glob("*.json")), key=lambda use: str(use.out))


def since_days(days: float) -> datetime:
    """The moment so many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


def use_damage(path: Path) -> str | None:
    """Describe what is wrong with a use; None where nothing is."""
    return None if seal_holds(path.read_bytes()) else "it fails its seal: what it needs can't be told"


def _use(path: Path) -> Use:
    data = path.read_bytes()
    if not seal_holds(data):
        raise CacheError(
            f"{path} is damaged: `python cli.py cache repair` takes it away, and notes again what the project's own "
            "stores and weights need"
        )
    document: dict[str, Any] = json.loads(data)
    return Use(
        Path(document["out"]), document["host"], document["user"], datetime.fromisoformat(document["made_at"]),
        frozenset(document["shards"]), frozenset(document["blobs"]), document["facts"],
    )  # fmt: skip
