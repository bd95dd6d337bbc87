"""The index: which shard holds a row. Host-local, a mere convenience: rebuilt from the records at will."""

import json
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice

from ..errors import CacheError
from ..shards.records import Record, RowFailure, read_record
from ..shards.specs import entry_key, entry_prefix
from .home import Cache, log
from .sealed_database import SealedDatabase

_TABLES = """
CREATE TABLE shards (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, size INTEGER NOT NULL, rows_per_shard INTEGER NOT NULL
);
CREATE TABLE rows (
    entry BLOB, shard INTEGER, row INTEGER, failed TEXT, PRIMARY KEY (entry, shard)
) WITHOUT ROWID;
"""
_ASKED_AT_ONCE = 500
"""Entries in one question: SQLite of before 2020 takes 999."""


@dataclass(frozen=True, slots=True)
class Place:
    """Location of a row that the cache holds already."""

    shard: str
    rows_per_shard: int
    row: int
    failed: RowFailure | None


class Index:
    """Only the process that plans a build writes it; workers never open it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def shards(self) -> set[str]:
        """Keys of all shards known."""
        return set(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Bytes of each shard known."""
        return dict(self._db.execute("SELECT key, size FROM shards"))

    def find(self, entries: Iterable[bytes]) -> dict[bytes, Place]:
        """`entry_key` to a shard that holds its row, for those that are known."""
        places: dict[bytes, Place] = {}
        wanted = iter(entries)
        while asked := tuple(islice(wanted, _ASKED_AT_ONCE)):
            rows = self._db.execute(
                "SELECT r.entry, s.key, s.rows_per_shard, r.row, r.failed FROM rows r "
                f"JOIN shards s ON s.id = r.shard WHERE r.entry IN ({','.join('?' * len(asked))})",
                asked,
            )
            for entry, key, rows_per_shard, row, failed in rows:
                why = RowFailure(**json.loads(failed)) if failed else None
                places.setdefault(entry, Place(key, rows_per_shard, row, why))
        return places

    def sync(self, cache: Cache, sizes: dict[str, int]) -> None:
        """Make the index say what the records say. `sizes`: every whole shard's bytes, from the sweep."""
        known = self.sizes()
        for key in sorted(known.keys() - sizes.keys()):
            self._forget(key)
        for key in sorted(known.keys() & sizes.keys()):
            if known[key] != sizes[key]:
                self._forget(key)
                cache.set_aside(key, f"{sizes[key]} bytes, its record says {known[key]}")
        for key in sorted(sizes.keys() - known.keys()):
            self._learn(cache, key, sizes[key])

    def _learn(self, cache: Cache, key: str, size: int) -> None:
        try:
            record = read_record(cache.record(key))
        except (ValueError, KeyError, TypeError) as error:
            cache.set_aside(key, f"its record is unreadable ({error!r})")
            return
        except FileNotFoundError:
            log.info("shard %s was removed by somebody else meanwhile", key)
            return
        if record.size != size:
            cache.set_aside(key, f"{size} bytes, its record says {record.size}")
            return
        self._add(record)

    def _add(self, record: Record) -> None:
        shard = self._db.execute(
            "INSERT OR IGNORE INTO shards (key, size, rows_per_shard) VALUES (?, ?, ?)",
            (record.key, record.size, record.rows_per_shard),
        )
        if shard.rowcount != 1:
            return
        prefix = entry_prefix(record.spec)
        self._db.executemany(
            "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)",
            (
                (
                    entry_key(prefix, row.key),
                    shard.lastrowid,
                    number,
                    json.dumps(asdict(row.failed)) if row.failed else None,
                )
                for number, row in enumerate(record.rows)
                if row is not None
            ),
        )

    def _forget(self, key: str) -> None:
        self._db.execute("DELETE FROM rows WHERE shard IN (SELECT id FROM shards WHERE key = ?)", (key,))
        self._db.execute("DELETE FROM shards WHERE key = ?", (key,))


@contextmanager
def synced_index(cache: Cache, database: SealedDatabase | None = None) -> Iterator[Index]:
    """Sweep the cache, and open its index up to date; `database` is where another cache's lies.

    It is a help: one that is damaged is made anew, and where it cannot be read or written (no room, no right,
    locked) the build goes on with one in memory.
    """
    database, sizes = database or index_database(cache), cache.sweep()
    try:
        with database.alone() as connection:
            index = Index(connection)
            if not database.seal.exists() or index.sizes() != sizes:
                with database.changing(connection):
                    index.sync(cache, sizes)
    except (sqlite3.Error, OSError) as error:
        log.warning("index %s is not used (%s): read from the records instead", database.path, error)
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(_TABLES)
        Index(connection).sync(cache, sizes)
    with closing(connection):
        try:
            yield Index(connection)
        except sqlite3.Error as error:  # damaged or locked since it was checked, a moment ago
            raise CacheError(
                f"index {database.path} cannot be read ({error}): run the same command again; the index is then "
                "made anew from the records"
            ) from error


def index_database(cache: Cache) -> SealedDatabase:
    """This host's index."""
    return SealedDatabase(cache.root / "index" / f"{socket.gethostname()}.sqlite", _TABLES)


def shared_index_database(cache: Cache) -> SealedDatabase:
    """This host's index of the shared cache: beside one's own, as nothing is written there."""
    return SealedDatabase(cache.root / "index" / f"{socket.gethostname()}-shared.sqlite", _TABLES)
