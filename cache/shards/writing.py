"""Writing one shard file as a stream; `cells` says what lies where in it."""

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from ..files import full_disk_explained
from ..keys import KEY_BYTES
from .chunk_index import CRC_BYTES, EMPTY, Cell, cells, crc_of
from .specs import ArraySpec

ZSTD_LEVEL = 3
_BUFFER_BYTES = 1 << 20
"""Few large writes: the page cache then keeps the file in large pieces, and reading it back is 1.3 times as fast."""


class ShardWriter:
    """Writes rows as they come; holds `chunk_rows` of them at most. `close` ends it, `abort` removes it."""

    def __init__(self, path: Path, spec: ArraySpec, rows_per_shard: int) -> None:
        self.path = path
        self.spec = spec
        self.size = 0
        self._digest = blake2b(digest_size=KEY_BYTES)
        groups = rows_per_shard // spec.chunk_rows
        self._index = np.full((groups, spec.chunks_per_row, 2), EMPTY, dtype="<u8")
        self._checksums = np.zeros((groups, spec.chunks_per_row), "<u4")
        self._cells = cells(spec)
        self._zstd = Zstd(level=ZSTD_LEVEL)
        self._group = spec.filled((spec.chunk_rows, *spec.row_shape))
        self._rows = 0
        self._fill_chunks: list[bytes | None] | None = None
        with full_disk_explained(path, f"a shard of array {spec.name!r}"):
            self._file = path.open("wb", buffering=_BUFFER_BYTES)

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

    def write_group(self, rows: NDArray[np.generic]) -> None:
        """Append (chunk_rows, *row_shape) at once, after whole chunks alone."""
        self._group[...] = rows
        self._rows += self.spec.chunk_rows
        self._flush(self._rows // self.spec.chunk_rows - 1)

    def copy(self, chunks: list[bytes | None]) -> None:
        """Append `chunk_rows` rows as another shard stores them, after whole chunks alone."""
        for number, chunk in enumerate(chunks):
            self._append(self._rows // self.spec.chunk_rows, number, chunk)
        self._rows += self.spec.chunk_rows

    def close(self) -> tuple[int, str]:
        """Write what is left and the index, and sync. Gives size in bytes and blake2b-160 of the file."""
        within = self._rows % self.spec.chunk_rows
        if within:
            self._group[within:] = self.spec.fill
            self._flush(self._rows // self.spec.chunk_rows)
        index = self._index.tobytes()
        with full_disk_explained(self.path, "a shard's index"):
            self._put(index + crc_of(index))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self.size, self._digest.hexdigest()

    @property
    def checksums(self) -> bytes:
        """The table of its chunks' crc32c (see `checksums`), once it is closed."""
        return self._checksums.tobytes()

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
        return data + crc_of(data)

    def _append(self, group: int, number: int, chunk: bytes | None) -> None:
        if chunk is None:
            return
        self._index[group, number] = (self.size, len(chunk))
        self._checksums[group, number] = int.from_bytes(chunk[-CRC_BYTES:], "little")
        with full_disk_explained(self.path, f"a shard of array {self.spec.name!r}"):
            self._put(chunk)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
