"""The index: which shard holds a row. Host-local, a mere convenience: rebuilt from the records at will."""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import CacheError
from ..files import CANNOT_LINK
from ..shards.records import Record, RowFailure, read_record
from ..shards.specs import entry_key, entry_prefix
from .home import Cache, log

_TABLES = """
CREATE TABLE shards (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, size INTEGER NOT NULL, rows_per_shard INTEGER NOT NULL
);
CREATE TABLE rows (
    entry BLOB, shard INTEGER, row INTEGER, failed TEXT, PRIMARY KEY (entry, shard)
) WITHOUT ROWID;
"""
_WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row lies already."""

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
        return {key for (key,) in self._db.execute("SELECT key FROM shards")}

    def find(self, entry: bytes) -> Place | None:
        """A shard that holds the row of that `entry_key`."""
        found = self._db.execute(
            "SELECT s.key, s.rows_per_shard, r.row, r.failed FROM rows r JOIN shards s ON s.id = r.shard "
            "WHERE r.entry = ? LIMIT 1",
            (entry,),
        ).fetchone()
        if found is None:
            return None
        key, rows_per_shard, row, failed = found
        return Place(key, rows_per_shard, row, RowFailure(**json.loads(failed)) if failed else None)

    def sync(self, cache: Cache, sizes: dict[str, int]) -> None:
        """Make the index say what the records say. `sizes`: every whole shard's bytes, from the sweep."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            known = dict(self._db.execute("SELECT key, size FROM shards"))
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
def synced_index(cache: Cache) -> Iterator[Index]:
    """Sweep the cache, and open its index up to date; a damaged index is made anew."""
    path = cache.root / "index" / f"{socket.gethostname()}.sqlite"
    sizes = cache.sweep()
    try:
        connection = _opened(path)
        Index(connection).sync(cache, sizes)
    except sqlite3.OperationalError as error:  # locked for minutes, no room, no right to write
        raise CacheError(
            f"index {path} cannot be written: {error}. Check the room and the rights there, or remove it: "
            "it is made anew from the records"
        ) from error
    except sqlite3.DatabaseError as error:
        log.warning("index %s is damaged (%s): made anew from the records", path, error)
        path.unlink()
        connection = _opened(path)
        Index(connection).sync(cache, sizes)
    with closing(connection):
        yield Index(connection)


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    return sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)


def _create(path: Path) -> None:
    """Made aside and linked in: nobody ever sees one without its tables, and the first of two wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with closing(sqlite3.connect(aside)) as connection:
        connection.executescript(_TABLES)
    try:
        os.link(aside, path)
    except FileExistsError:
        log.info("index %s was made by another process meanwhile", path)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        aside.rename(path)  # no links here: the last of two wins, and the first's is merely rebuilt
    finally:
        aside.unlink(missing_ok=True)
