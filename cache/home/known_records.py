"""Records of the shards of a store's last build, of which only those are read again whose files changed since.

A record holds all its rows' documents, while a build asks of most shards just whether they are whole. What it asks is
kept beside the store's row keys, with the file's facts, for files that were written a while before they were read.

A help: what is torn, flipped or of another format is not believed, what cannot be written is not remembered.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files import sweep_help, write_help
from ..keys import FORMAT, JSON, parsed, seal_holds, sealed
from ..shards.records import Record, read_record, summarised
from .home import Cache

_RACY_NS = 2_000_000_000
"""A file touched so shortly before it was read may change again without its time changing: not remembered."""


class KnownRecords:
    """The records that one store's last build asked for."""

    def __init__(self, cache: Cache, name: str) -> None:
        self._cache = cache
        self._path = cache.known_records(name)
        self._known = _read(self._path)
        self._now: dict[str, JSON] = {}

    def read(self, key: str) -> Record:
        """The shard's record. Raises ShardError where it is damaged, FileNotFoundError where there is none."""
        path = self._cache.record(key)
        began, found = time.time_ns(), path.stat()
        facts = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
        known = self._known.get(key)
        record = summarised(known["record"], path) if known and known["facts"] == facts else read_record(path)
        if max(found.st_mtime_ns, found.st_ctime_ns) < began - _RACY_NS:
            self._now[key] = {"facts": [*facts], "record": record.summary}
        return record

    def remember(self, keys: Iterable[str]) -> None:
        """Keep those of `keys` that were asked for. The caller holds the lock on the store's name."""
        sweep_help(self._path)
        now = {key: self._now[key] for key in keys if key in self._now}
        if now == self._known:
            return
        data = sealed({"format": FORMAT, "records": now})
        write_help(self._path, data, without="records are read again next time")


def known_records_damage(path: Path) -> str | None:
    """Describe what is wrong with the bytes of remembered records; None where nothing is."""
    return None if seal_holds(path.read_bytes()) else "not as it was written; records will be read again"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Key to the facts of a record's file, and its summary; nothing where there is nothing to believe."""
    try:
        data = path.read_bytes()
        document = parsed(data) if seal_holds(data) else {}
        known: dict[str, dict[str, Any]] = document["records"] if document.get("format") == FORMAT else {}
        return known
    except (OSError, ValueError, KeyError, AttributeError):
        return {}
