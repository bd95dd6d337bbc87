"""One shard file: Zarr v3's sharding_indexed, written as a stream and read with pread.

The file is the chunks one after the other, then the index: for each chunk its offset and its length
(uint64, little-endian; both all ones where the chunk is empty and not stored), then the index's crc32c.
Each chunk ends in a crc32c of its own, outside the compression, so that every flipped byte is found.
Source: Zarr v3 sharding codec 1.0, "Binary shard format".
"""

import math
import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import TypeAlias

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from .errors import ShardError
from .files import full_disk_explained
from .keys import KEY_BYTES
from .specs import ArraySpec

ZSTD_LEVEL = 3
_EMPTY = 0xFFFF_FFFF_FFFF_FFFF
_CRC_BYTES = 4
_Picked: TypeAlias = "int | slice | list[int]"


def index_bytes(spec: ArraySpec, rows_per_shard: int) -> int:
    """Size of the index at the shard's end."""
    return 16 * (rows_per_shard // spec.chunk_rows) * spec.chunks_per_row + _CRC_BYTES


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one chunk meets the wanted part of a row."""

    number: int
    """The chunk's number among a row's chunks, in C order."""
    row: tuple[slice, ...]
    """What it covers of the wanted part."""
    chunk: tuple[slice, ...]
    """Which part of the chunk that is; the rest is padding or was not asked for."""


@lru_cache(maxsize=4096)
def cells(spec: ArraySpec, start: int = 0, stop: int | None = None) -> tuple[Cell, ...]:
    """The chunks that hold [start, stop) of the row's first axis. Row 10, chunk 4, [3, 9): chunks 0, 1, 2."""
    windows = [(0, size) for size in spec.row_shape]
    if windows:
        windows[0] = (start, spec.row_shape[0] if stop is None else stop)
    found = []
    for number, place in enumerate(product(*(range(count) for count in spec.grid))):
        spans = [
            (max(low, at * step), min(high, (at + 1) * step), low, at * step)
            for at, step, (low, high) in zip(place, spec.inner, windows, strict=True)
        ]
        if all(first < last for first, last, _, _ in spans):
            row = tuple(slice(first - low, last - low) for first, last, low, _ in spans)
            chunk = tuple(slice(first - origin, last - origin) for first, last, _, origin in spans)
            found.append(Cell(number, row, chunk))
    return tuple(found)


class ShardWriter:
    """Writes rows as they come; holds `chunk_rows` of them at most. `close` ends it, `abort` removes it."""

    def __init__(self, path: Path, spec: ArraySpec, rows_per_shard: int) -> None:
        self.path = path
        self.spec = spec
        self.size = 0
        self._digest = blake2b(digest_size=KEY_BYTES)
        groups = rows_per_shard // spec.chunk_rows
        self._index = np.full((groups, spec.chunks_per_row, 2), _EMPTY, dtype="<u8")
        self._cells = cells(spec)
        self._zstd = Zstd(level=ZSTD_LEVEL)
        self._group = spec.filled((spec.chunk_rows, *spec.row_shape))
        self._rows = 0
        self._fill_chunks: list[bytes | None] | None = None
        with full_disk_explained(path, f"a shard of array {spec.name!r}"):
            self._file = path.open("wb")

    def write(self, row: NDArray[np.generic] | None) -> None:
        """Append one row, `row_shape` of the spec's dtype; None is a row of fill."""
        if row is None and self.spec.chunk_rows == 1:
            self.copy(self._filled())
            return
        within = self._rows % self.spec.chunk_rows
        self._group[within] = self.spec.fill if row is None else row
        self._rows += 1
        if within + 1 == self.spec.chunk_rows:
            self._flush((self._rows - 1) // self.spec.chunk_rows)

    def copy(self, chunks: list[bytes | None]) -> None:
        """Append one row as another shard stores it; only where a chunk holds one row."""
        for number, chunk in enumerate(chunks):
            self._append(self._rows, number, chunk)
        self._rows += 1

    def close(self) -> tuple[int, str]:
        """Write what is left and the index, and sync. Gives size in bytes and blake2b-160 of the file."""
        within = self._rows % self.spec.chunk_rows
        if within:
            self._group[within:] = self.spec.fill
            self._flush(self._rows // self.spec.chunk_rows)
        index = self._index.tobytes()
        with full_disk_explained(self.path, "a shard's index"):
            self._put(index + _crc(index))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self.size, self._digest.hexdigest()

    def abort(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # closing asks a full disk once more to take the rest, which goes anyway
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _filled(self) -> list[bytes | None]:
        if self._fill_chunks is None:
            empty = self.spec.filled((1, *self.spec.row_shape))
            self._fill_chunks = [self._encode(empty, cell) for cell in self._cells]
        return self._fill_chunks

    def _flush(self, group: int) -> None:
        for cell in self._cells:
            self._append(group, cell.number, self._encode(self._group, cell))

    def _encode(self, group: NDArray[np.generic], cell: Cell) -> bytes | None:
        part = group[(slice(None), *cell.row)]
        if part.shape != self.spec.chunk_shape:  # the last chunk along an axis: the rest is fill
            whole = self.spec.filled(self.spec.chunk_shape)
            whole[(slice(None), *cell.chunk)] = part
            part = whole
        data = part.tobytes()
        if self.spec.padded and not np.frombuffer(data, np.uint8).any():
            return None
        if self.spec.codec == "zstd":
            data = self._zstd.encode(data)
        return data + _crc(data)

    def _append(self, group: int, number: int, chunk: bytes | None) -> None:
        if chunk is None:
            return
        self._index[group, number] = (self.size, len(chunk))
        with full_disk_explained(self.path, f"a shard of array {self.spec.name!r}"):
            self._put(chunk)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)


class ShardReader:
    """Reads any rows of one shard, checking each chunk. Safe in threads and after a fork (pread only)."""

    def __init__(self, path: Path, spec: ArraySpec, rows_per_shard: int) -> None:
        self.path = path
        self.spec = spec
        self._zstd = Zstd(level=ZSTD_LEVEL)
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self._handle)
        """Give the file handle back; happens by itself with the reader's end."""
        self._index = self._read_index(rows_per_shard)

    def read_into(
        self,
        out: NDArray[np.generic],
        places: Sequence[int],
        rows: Sequence[int],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        """out[places[i]] = row rows[i], or its part [start, stop) along the row's first axis."""
        wanted = cells(self.spec, start, stop)
        for group, (at, within) in self._grouped(places, rows).items():
            for cell in wanted:
                chunk = self.chunk(group, cell.number)
                out[(at, *cell.row)] = self.spec.fill if chunk is None else chunk[(within, *cell.chunk)]

    def group(self, number: int) -> NDArray[np.generic]:
        """(chunk_rows, *row_shape): the rows that share their chunks."""
        size = self.spec.chunk_rows
        out = np.empty((size, *self.spec.row_shape), self.spec.stored)
        self.read_into(out, range(size), range(number * size, (number + 1) * size))
        return out

    def stored_row(self, number: int) -> list[bytes | None]:
        """One row's chunks as stored, checked; only where a chunk holds one row."""
        return [self._checked(number, chunk) for chunk in range(self.spec.chunks_per_row)]

    def check_row(self, number: int) -> None:
        """Raises ShardError unless every chunk of the row is as it was written."""
        for chunk in range(self.spec.chunks_per_row):
            self._checked(number // self.spec.chunk_rows, chunk)

    def chunk(self, group: int, number: int) -> NDArray[np.generic] | None:
        """(chunk_rows, *chunk), read-only; None where the chunk is empty."""
        stored = self._checked(group, number)
        if stored is None:
            return None
        data = memoryview(stored)[:-_CRC_BYTES]
        if self.spec.codec == "zstd":
            data = memoryview(self._zstd.decode(data))
        expected = math.prod(self.spec.chunk_shape) * self.spec.stored.itemsize
        if len(data) != expected:
            raise self._damaged(f"chunk ({group}, {number}) holds {len(data)} bytes, expected {expected}")
        return np.frombuffer(data, self.spec.stored).reshape(self.spec.chunk_shape)

    def _grouped(self, places: Sequence[int], rows: Sequence[int]) -> dict[int, tuple[_Picked, _Picked]]:
        """Chunk group to (places in out, rows within the chunk): each chunk is read once."""
        size = self.spec.chunk_rows
        if size == 1 and len(set(rows)) == len(rows):
            return {row: (place, 0) for place, row in zip(places, rows, strict=True)}
        groups: dict[int, tuple[list[int], list[int]]] = {}
        for place, row in zip(places, rows, strict=True):
            at, within = groups.setdefault(row // size, ([], []))
            at.append(place)
            within.append(row % size)
        return {group: (_picked(at), _picked(within)) for group, (at, within) in groups.items()}

    def _checked(self, group: int, number: int) -> bytes | None:
        offset, length = self._index[group, number].tolist()
        if length == _EMPTY:
            return None
        stored = os.pread(self._handle, length, offset)
        if len(stored) != length or length < _CRC_BYTES or not _crc_holds(stored):
            raise self._damaged(f"chunk ({group}, {number}) at byte {offset} fails its crc32c")
        return stored

    def _read_index(self, rows_per_shard: int) -> NDArray[np.uint64]:
        """(groups, chunks_per_row, 2): offset and length of each chunk."""
        length = index_bytes(self.spec, rows_per_shard)
        size = os.fstat(self._handle).st_size
        stored = os.pread(self._handle, length, max(0, size - length))
        if len(stored) != length or not _crc_holds(stored):
            raise self._damaged(f"its index (last {length} bytes of {size}) fails its crc32c")
        index = np.frombuffer(stored[:-_CRC_BYTES], "<u8")
        return index.reshape(-1, self.spec.chunks_per_row, 2)

    def _damaged(self, what: str) -> ShardError:
        return ShardError(
            f"{self.path} of array {self.spec.name!r} is damaged: {what}. "
            "Remove the store's folder and run its stage again; only what is damaged is made anew"
        )


def _picked(numbers: list[int]) -> _Picked:
    """A slice where the numbers follow each other: NumPy copies it several times as fast as a list."""
    first, stop = numbers[0], numbers[0] + len(numbers)
    return slice(first, stop) if numbers == list(range(first, stop)) else numbers


def _crc(data: bytes) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(_CRC_BYTES, "little")


def _crc_holds(stored: bytes) -> bool:
    content = np.frombuffer(stored, np.uint8)[:-_CRC_BYTES]  # the checksum takes arrays without copying
    return int(google_crc32c.value(content)).to_bytes(_CRC_BYTES, "little") == stored[-_CRC_BYTES:]
