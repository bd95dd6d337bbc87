"""Faults that a verification finds, and its summary."""

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from ..keys import KEY_BYTES

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """One file, record or place that is not what was written."""

    place: str
    """The file, relative to what was checked."""
    what: str
    array: str | None = None
    rows: tuple[str, ...] = ()
    """Ids of the rows that can't be trusted; "rows 8 to 11" where the ids themselves are lost."""

    def __str__(self) -> str:
        where = f" (array {self.array})" if self.array else ""
        more = f" and {len(self.rows) - _SHOWN} more" if len(self.rows) > _SHOWN else ""
        rows = f"; rows {', '.join(self.rows[:_SHOWN])}{more}" if self.rows else ""
        return f"{self.place}{where}: {self.what}{rows}"


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a verification: the number of files read, and the faults."""

    folder: Path
    files: int
    bytes: int
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...] = ()
    """Remarks on what is no damage: work in progress, what the next build sweeps, what is unproven."""
    derived: frozenset[str] = frozenset()
    """Keys of the shards and blobs among the faults that are whole, but made of rows that were others."""

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row that can't be trusted, once."""
        return tuple(dict.fromkeys(row for fault in self.faults for row in fault.rows))

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 where anything is damaged."""
        return int(bool(self.faults))

    def __str__(self) -> str:
        size = f"{self.files:,} files, {self.bytes:,} bytes"
        head = f"{len(self.faults)} damaged ({size} checked)" if self.faults else f"whole ({size})"
        notes = [f"  note: {note}" for note in self.notes]
        return "\n".join([f"{self.folder}: {head}", *_indented(self.faults), *notes])


def _indented(faults: Sequence[Fault]) -> list[str]:
    return [f"  {fault}" for fault in faults]


@dataclass
class Hashes:
    """Digests of files, each read once a check unless it was touched: a store and its cache share most of theirs."""

    files: int = 0
    bytes: int = 0
    _known: dict[tuple[int, int, int, int], tuple[int, str]] = field(default_factory=dict)

    def of(self, path: Path) -> tuple[int, str]:
        """Size in bytes and blake2b-160 of a file. Raises OSError, for a pipe or a device too: they may never end."""
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(path))
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            inode = facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
            if inode not in self._known:
                digest = blake2b(digest_size=KEY_BYTES)
                while data := file.read(1 << 20):
                    digest.update(data)
                self._known[inode] = facts.st_size, digest.hexdigest()
        self.files += 1
        self.bytes += facts.st_size
        return self._known[inode]
