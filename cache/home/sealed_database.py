"""An SQLite file that only helps: it may be lost, so whatever is wrong with it, it is made anew.

Beside it lies a seal, the crc32c of its bytes, from one change to the next: a flipped byte is found before it is
believed, at a tenth of what a digest costs, and whoever could forge the file could forge a digest too. While a
process writes there is no seal; one that was killed leaves none.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import google_crc32c

from ..files import write_atomic
from ..keys import KEY_BYTES
from ..locks import locked
from .home import log

_WAIT_SECONDS = 5.0
"""For a process that is not ours: our own take turns by a lock."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SealedDatabase:
    """One file and its seal."""

    path: Path
    tables: str = ""
    """Statements that make it."""

    @property
    def seal(self) -> Path:
        """Holds the checksum of the file's bytes; it lacks while a process writes."""
        return self.path.with_suffix(".seal")

    def damage(self) -> str | None:
        """Describe what is wrong with its bytes; None where nothing is, or where it was not sealed yet."""
        try:
            sealed = self.seal.read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        if sealed == self._checksum() or sealed == self._digest():  # a digest: of an older harcache
            return None
        return f"its content and {self.seal.name} disagree"

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other process of ours has meanwhile; first made anew where it is not as sealed.

        It stays open where nothing is raised. Raises OSError and sqlite3.Error where it cannot be had.
        """
        with locked(self.path.with_suffix(".lock")):
            if self.path.exists() and (not self.seal.exists() or self.damage() is not None):
                log.warning("%s is not as a finished run left it: made anew", self.path)
                self.remove()
            if not self.path.exists():
                self._create()
            connection = self.connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise

    @contextmanager
    def changing(self, connection: sqlite3.Connection) -> Iterator[None]:
        """One transaction; sealed again when it is through. For whoever has it alone."""
        self.seal.unlink(missing_ok=True)
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
        write_atomic(self.seal, self._checksum().encode("ascii"))

    def connect(self) -> sqlite3.Connection:
        """A connection without transactions of Python's own."""
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # losing it costs making it anew
        return connection

    def remove(self) -> None:
        """With its seal, and the journal of a writer that died: that must not be played into another file."""
        for gone in (self.seal, self.path.with_name(f"{self.path.name}-journal"), self.path):
            gone.unlink(missing_ok=True)

    def _create(self) -> None:
        """With the rights that the umask gives: SQLite alone would let nobody else of a group write."""
        self.remove()
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        with closing(self.connect()) as connection:
            connection.executescript(self.tables)

    def _checksum(self) -> str:
        """8 hex digits."""
        found = google_crc32c.Checksum()
        with self.path.open("rb", buffering=0) as file:
            while data := file.read(_READ_BYTES):
                found.update(data)
        return str(found.hexdigest().decode("ascii"))

    def _digest(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: blake2b(digest_size=KEY_BYTES)).hexdigest()
