"""Sources of a store's bytes: one file addressed by offset, and a store's tree of files."""

import mmap
import os
import stat
import weakref
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..keys import KEY_BYTES

_PIECE_BYTES = 1 << 20

Range: TypeAlias = tuple[int, int]
"""(offset, length) in bytes."""


class Source(Protocol):
    """One file's bytes. Safe in threads."""

    @property
    def where(self) -> str:
        """Name of the file in messages."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the file ends."""
        ...

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, in order; what is far away may fetch neighbours together."""
        ...

    def distrust(self) -> None:
        """Forget what was read, because it turned out wrong."""
        ...

    def close(self) -> None:
        """Release open files and connections."""
        ...


class Files(Protocol):
    """The files of one store, by their names relative to it."""

    @property
    def where(self) -> str:
        """Name of the store in messages: a folder, a zip or a URL."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where telling takes a request. Raises FileNotFoundError, StoreError."""
        ...

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file's content. Raises FileNotFoundError, and StoreError where it is over `limit` bytes."""
        ...

    def source(self, name: str, *, size: int, digest: str) -> Source:
        """Open a file that the manifest lists with this size and blake2b-160."""
        ...

    def close(self) -> None:
        """Release open files and connections."""
        ...


class LocalFile:
    """A file on this machine, or `size` bytes of it from `start`. Safe after a fork: positional reads only."""

    def __init__(self, path: Path, *, start: int = 0, size: int | None = None) -> None:
        self.where = str(path)
        self._start = start
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self._handle)
        """Give the file handle back; happens by itself with the reader's end."""
        self.size = os.fstat(self._handle).st_size - start if size is None else size

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the file ends."""
        return os.pread(self._handle, min(length, max(0, self.size - offset)), self._start + offset)

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, read when asked for."""
        return (self.read(offset, length) for offset, length in ranges)

    def distrust(self) -> None:
        """Do nothing: no bytes are cached."""

    def is_whole(self) -> bool:
        """Whether the file still has as many bytes as when it was opened."""
        return os.fstat(self._handle).st_size >= self._start + self.size

    def mapped(self) -> NDArray[np.uint8] | None:
        """(size,): its bytes as the file has them, read when touched; None where the file cannot be mapped."""
        try:
            content = mmap.mmap(self._handle, self._start + self.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # some network and FUSE mounts; a file that was cut meanwhile
            return None
        return np.frombuffer(content, np.uint8)[self._start :]

    def read_into(self, offset: int, buffers: Sequence[memoryview], wanted: int) -> int:
        """Fill the buffers, `wanted` bytes in all, with what follows `offset`; gives how many bytes there were."""
        found = _read_at(self._handle, buffers, self._start + offset)
        while 0 < found < wanted:  # a signal or a network mount may cut a read short
            more = _read_at(self._handle, _after(buffers, found), self._start + offset + found)
            if more == 0:
                break
            found += more
        return found


def _read_at(handle: int, buffers: Sequence[memoryview], offset: int) -> int:
    """Fill the buffers from `offset`, in one call where the system has one for several (Linux has, macOS may not)."""
    if hasattr(os, "preadv"):
        return os.preadv(handle, buffers, offset)
    data = os.pread(handle, sum(len(buffer) for buffer in buffers), offset)
    filled = 0
    for buffer in buffers:
        part = data[filled : filled + len(buffer)]
        buffer[: len(part)] = part
        filled += len(part)
    return filled


def _after(buffers: Sequence[memoryview], filled: int) -> list[memoryview]:
    """What is left to fill. Buffers of 3, 4 and 5 bytes after 4: the second's last 3, and the third."""
    rest = []
    for buffer in buffers:
        if filled < len(buffer):
            rest.append(buffer[max(0, filled) :])
        filled -= len(buffer)
    return rest


class Held:
    """The content of a file that is in memory already."""

    def __init__(self, where: str, content: bytes) -> None:
        self.where = where
        self.size = len(content)
        self._content = content

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the content ends."""
        return self._content[offset : offset + length]

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, in order."""
        return (self.read(offset, length) for offset, length in ranges)

    def distrust(self) -> None:
        """Do nothing: no bytes are cached."""

    def close(self) -> None:
        """Nothing is held open."""


def digest_of_source(source: Source) -> str:
    """blake2b-160 of all of it, as 40 hex digits."""
    digest = blake2b(digest_size=KEY_BYTES)
    for offset in range(0, source.size, _PIECE_BYTES):
        digest.update(source.read(offset, _PIECE_BYTES))
    return digest.hexdigest()


class LocalFiles:
    """A store's folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)
        self._inside = os.path.realpath(folder) + os.sep
        self._followed: set[Path] = set()
        """Folders that are known to lie within: links are followed once a folder, not once a file."""

    def size(self, name: str) -> int:
        """Bytes of a regular file within the folder."""
        path = self.folder / name
        found = path.lstat()
        link = stat.S_ISLNK(found.st_mode)
        if link:
            found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"store {self.where}: {name} is no regular file; the store is not to be trusted")
        if not self._holds(path if link else path.parent):
            raise StoreError(
                f"store {self.where}: {name} is a link out of the store; have its files themselves there "
                "(cp -rL, or with DVC `cache.type hardlink,copy`)"
            )
        return found.st_size

    def _holds(self, place: Path) -> bool:
        """Whether a file or folder lies within, its links followed."""
        if place not in self._followed and (os.path.realpath(place) + os.sep).startswith(self._inside):
            self._followed.add(place)
        return place in self._followed

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file's content."""
        size = self.size(name)
        if size > limit:
            raise StoreError(
                f"store {self.where}: {name} holds {size:,} bytes, more than {limit:,} are refused"
            )
        return (self.folder / name).read_bytes()

    def source(self, name: str, *, size: int, digest: str) -> Source:  # noqa: ARG002
        """Open a file."""
        return LocalFile(self.folder / name)

    def close(self) -> None:
        """Nothing is held."""
