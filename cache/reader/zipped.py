"""Stores in one zip file: entries are stored as they are, and read by their place in the file."""

import io
import zipfile
from collections.abc import Callable
from typing import IO, cast

from ..errors import StoreError
from ..shards.sources import Source
from ..store.zips import data_offset, stored_infos

_MAX_DIRECTORY_BYTES = 64 << 20


class ZipFiles:
    """The entries of a zip at whose root a store's files lie."""

    def __init__(self, source: Source, part: Callable[[int, int], Source]) -> None:
        """part: gives `size` bytes of the zip from `start` as a source of their own."""
        self.where = source.where
        self._source = source
        self._part = part
        self._entries = stored_infos(cast(IO[bytes], _Seekable(source)), source.where)

    def size(self, name: str) -> int:
        """Bytes of an entry."""
        return self._entry(name).file_size

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small entry's content."""
        size = self.size(name)
        if size > limit:
            raise StoreError(
                f"store {self.where}: {name} holds {size:,} bytes, more than {limit:,} are refused"
            )
        source = self.source(name, size=size, digest="")
        try:
            return source.read(0, size)
        finally:
            source.close()

    def source(self, name: str, *, size: int, digest: str) -> Source:  # noqa: ARG002
        """Open an entry."""
        entry = self._entry(name)
        start = data_offset(self._source.read, entry, self.where)
        if start + size > self._source.size:
            raise StoreError(f"zip {self.where}: {name} ends after the file does")
        return self._part(start, size)

    def close(self) -> None:
        """Give the zip back."""
        self._source.close()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name not in self._entries:
            raise FileNotFoundError(f"{self.where}: {name}")
        return self._entries[name]


class _Seekable(io.RawIOBase):
    """A source as the file that zipfile wants, for the directory at its end only."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self._read_bytes = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError("it is too short for a zip")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self._source.size - self._at)
        size = left if size < 0 else min(size, left)
        self._read_bytes += size
        if self._read_bytes > _MAX_DIRECTORY_BYTES:
            raise ValueError(f"its directory takes more than {_MAX_DIRECTORY_BYTES:,} bytes")
        data = self._source.read(self._at, size)
        self._at += len(data)
        return data
