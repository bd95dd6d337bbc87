"""sha256 of source files, remembered while a file's facts stay the same, as git's index does.

A help: what is torn, flipped, locked or another's is not believed, what cannot be written is not remembered, and
the build goes on; it only reads more.
"""

import hashlib
import os
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Lock
from types import TracebackType

from ..keys import key_of
from .home import Cache, log
from .sealed_database import SealedDatabase

_RACY_NS = 2_000_000_000
"""A file touched so shortly before it was read may change again without its time changing: not remembered."""
_KEPT_AFTER_SECONDS = 30.0
"""A killed run forgets what it read in so long."""
_TABLE = (
    "CREATE TABLE sealed_files "
    "(path TEXT PRIMARY KEY, facts TEXT NOT NULL, sha256 TEXT NOT NULL, seal TEXT NOT NULL)"
)


class Digests:
    """A host's table of digests, each sealed: a flipped byte costs one reading, not a wrong key.

    `with Digests(cache) as digests: digests.sha256(path)`, for as many files as there are; threads may share one.
    """

    def __init__(self, cache: Cache) -> None:
        self._database = digests_database(cache)
        self._known = self._read()
        self._fresh: dict[str, tuple[str, str, str]] = {}
        self._guard = Lock()
        self._kept_at = time.monotonic()

    def __enter__(self) -> "Digests":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._keep()

    def remembered(self, path: Path) -> str | None:
        """Return 64 hex digits where the file is as it was when it was last read; None where it must be read."""
        name = os.path.realpath(path)
        return self._remembered(name, _facts(Path(name).stat()))

    def _remembered(self, name: str, facts: str) -> str | None:
        known_facts, digest, seal = self._known.get(name, ("", "", ""))
        return digest if known_facts == facts and seal == key_of([name, facts, digest]) else None

    def sha256(self, path: Path) -> str:
        """64 hex digits; reads the file only where its size, times or inode differ from the last time."""
        name = os.path.realpath(path)
        facts = _facts(Path(name).stat())
        if known := self._remembered(name, facts):
            return known
        began = time.time_ns()
        with Path(name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        if _facts(after) == facts and max(after.st_mtime_ns, after.st_ctime_ns) < began - _RACY_NS:
            self._remember(name, facts, digest)
        return digest

    def _read(self) -> dict[str, tuple[str, str, str]]:
        if not self._database.path.exists():
            return {}
        try:
            with closing(self._database.connect()) as connection:
                rows = connection.execute("SELECT path, facts, sha256, seal FROM sealed_files")
                return {str(path): (str(facts), str(digest), str(seal)) for path, facts, digest, seal in rows}
        except (sqlite3.Error, OSError) as error:
            log.warning("digests %s are not read (%s): files are hashed again", self._database.path, error)
            return {}

    def _remember(self, name: str, facts: str, digest: str) -> None:
        with self._guard:
            self._known[name] = self._fresh[name] = facts, digest, key_of([name, facts, digest])
            if time.monotonic() > self._kept_at + _KEPT_AFTER_SECONDS:
                self._keep()

    def _keep(self) -> None:
        """Write what is fresh; all that is known where the table had to be made anew."""
        fresh, self._fresh, self._kept_at = self._fresh, {}, time.monotonic()
        if not fresh:
            return
        try:
            with self._database.alone() as connection, closing(connection):
                empty = connection.execute("SELECT path FROM sealed_files LIMIT 1").fetchone() is None
                rows = [(path, *facts) for path, facts in (self._known if empty else fresh).items()]
                with self._database.changing(connection):
                    connection.executemany("INSERT OR REPLACE INTO sealed_files VALUES (?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            log.warning(
                "digests %s are not kept (%s): files are hashed again next time", self._database.path, error
            )


def digests_database(cache: Cache) -> SealedDatabase:
    """This host's table."""
    return SealedDatabase(cache.root / "digests" / f"{socket.gethostname()}.sqlite", _TABLE)


def file_sha256(path: Path, cache: Cache) -> str:
    """The sha256 of one file, remembered in the cache; see `Digests` for many."""
    with Digests(cache) as digests:
        return digests.sha256(path)


def _facts(stat: os.stat_result) -> str:
    """ctime too: a tool can set mtime back, but not ctime."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_dev} {stat.st_ino}"
