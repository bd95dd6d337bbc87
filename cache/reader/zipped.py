"""Stores in one zip file: entries are stored as they are, and read by their place in the file.

Source: PKWARE APPNOTE 6.3.10, 4.3.7 (local file header).
"""

import io
import struct
import zipfile
from collections.abc import Callable

from ..errors import StoreError
from ..sources import Source

_HEADER = struct.Struct("<4s22xHH")
_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 1
_MAX_DIRECTORY_BYTES = 64 << 20


class ZipFiles:
    """The entries of a zip at whose root a store's files lie."""

    def __init__(self, source: Source, part: Callable[[int, int], Source]) -> None:
        """part: gives `size` bytes of the zip from `start` as a source of their own."""
        self.where = source.where
        self._source = source
        self._part = part
        self._entries = self._listed()

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
        head = self._source.read(entry.header_offset, _HEADER.size)
        if len(head) != _HEADER.size or head[:4] != _MAGIC:
            raise StoreError(f"zip {self.where}: no entry stands where {name} should")
        _, name_bytes, extra_bytes = _HEADER.unpack(head)
        start = entry.header_offset + _HEADER.size + name_bytes + extra_bytes
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

    def _listed(self) -> dict[str, zipfile.ZipInfo]:
        """Entries by name. Raises StoreError where one could be anything but a store's file."""
        try:
            with zipfile.ZipFile(_Seekable(self._source)) as archive:
                found = [entry for entry in archive.infolist() if not entry.is_dir()]
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            UnicodeDecodeError,
            struct.error,
            ValueError,
        ) as error:
            raise StoreError(f"zip {self.where} cannot be read: {error}") from error
        entries: dict[str, zipfile.ZipInfo] = {}
        for entry in found:
            why = _refused(entry, entries)
            if why:
                raise StoreError(f"zip {self.where} is refused: its entry {entry.filename!r:.120} {why}")
            entries[entry.filename] = entry
        self._refuse_overlaps(found)
        return entries

    def _refuse_overlaps(self, found: list[zipfile.ZipInfo]) -> None:
        end = 0
        for entry in sorted(found, key=lambda entry: entry.header_offset):
            if entry.header_offset < end:
                raise StoreError(
                    f"zip {self.where} is refused: {entry.filename!r:.120} lies within another entry"
                )
            end = entry.header_offset + _HEADER.size + len(entry.filename) + entry.file_size


def _refused(entry: zipfile.ZipInfo, known: dict[str, zipfile.ZipInfo]) -> str:
    parts = entry.filename.split("/")
    if not entry.filename.isascii() or entry.orig_filename != entry.filename or "\\" in entry.filename:
        return "has a name that no file of a store has"
    if ".." in parts or "." in parts or "" in parts:
        return "leads out of the store"
    if entry.filename in known:
        return "stands there twice"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return "is compressed; zip the store with stored entries (zip -0, or `cache export`)"
    return ""


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
