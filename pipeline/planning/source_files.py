"""Digests of source files for a plan, which may not read a whole dataset: those remembered, and a few more."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from cache import Digests

MOST_BYTES = 256_000_000
"""Bytes that a plan reads of files that nobody has hashed, about a second's; larger ones wait for `index`."""


@dataclass
class SourceDigests:
    """sha256 of files as far as they are known, and what was noticed about them on the way. Threads may share one."""

    known: Digests
    left_bytes: int = field(default_factory=lambda: MOST_BYTES)
    unread: dict[Path, int] = field(default_factory=dict)
    """Files that nobody has hashed, with their bytes: `index` will read them."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    """Files that cannot be read or are empty, with the reason."""
    _guard: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, path: Path) -> str:
        """Return 64 hex digits; for a file that is not read, words that are no digest and no other file's."""
        try:
            return self._digest(path)
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
            return f"unreadable {path}"

    def _digest(self, path: Path) -> str:
        size = path.stat().st_size
        if not size:
            self.unreadable[path] = "it is empty"
        if found := self.known.remembered(path):
            return found
        with self._guard:
            may_read = size <= self.left_bytes
            self.left_bytes -= size if may_read else 0
        if may_read:
            return self.known.sha256(path)
        with path.open("rb"):  # no right to read it shows here
            self.unread[path] = size
        return f"unread {path}"
