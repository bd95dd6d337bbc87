"""sha256 of source files, remembered while a file's facts stay the same, as git's index does."""

import hashlib
import os
import socket
import sqlite3
import time
from pathlib import Path
from types import TracebackType

from ..keys import key_of
from .home import Cache

_RACY_NS = 2_000_000_000
"""A file touched so shortly before it was read may change again without its time changing: not remembered."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS sealed_files "
    "(path TEXT PRIMARY KEY, facts TEXT NOT NULL, sha256 TEXT NOT NULL, seal TEXT NOT NULL)"
)


class Digests:
    """A host's table of hints, each sealed: a flipped byte costs one reading, not a wrong key.

    For many files: `with Digests(cache) as digests: digests.sha256(path)`.
    """

    def __init__(self, cache: Cache) -> None:
        path = cache.root / "digests" / f"{socket.gethostname()}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")  # losing a hint costs one more reading
        self._db.execute(_TABLE)

    def __enter__(self) -> "Digests":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def sha256(self, path: Path) -> str:
        """64 hex digits; reads the file only where its size, times or inode differ from the last time."""
        name = os.path.realpath(path)
        facts = _facts(Path(name).stat())
        known = self._db.execute(
            "SELECT sha256, seal FROM sealed_files WHERE path = ? AND facts = ?", (name, facts)
        ).fetchone()
        if known is not None and known[1] == key_of([name, facts, known[0]]):
            return str(known[0])
        began = time.time_ns()
        with Path(name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        if _facts(after) == facts and max(after.st_mtime_ns, after.st_ctime_ns) < began - _RACY_NS:
            seal = key_of([name, facts, digest])
            self._db.execute(
                "INSERT OR REPLACE INTO sealed_files VALUES (?, ?, ?, ?)", (name, facts, digest, seal)
            )
        return digest


def file_sha256(path: Path, cache: Cache) -> str:
    """The sha256 of one file, remembered in the cache; see `Digests` for many."""
    with Digests(cache) as digests:
        return digests.sha256(path)


def _facts(stat: os.stat_result) -> str:
    """ctime too: a tool can set mtime back, but not ctime."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_dev} {stat.st_ino}"
