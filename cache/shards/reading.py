"""Reading one shard: any rows of it, each chunk checked, with as little Python as the layout allows."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from ..errors import ShardError
from .checksums import checksum_array
from .chunk_groups import Groups, consecutive, grouped, stretches
from .chunk_index import (
    CRC_BYTES,
    EMPTY,
    Picked,
    cells,
    crc_holds,
    index_bytes,
    index_in_order,
    parsed_index,
)
from .mapped_rows import MappedRows
from .sources import Held, LocalFile, Source
from .specs import ArraySpec
from .zstd import unpacked

Check: TypeAlias = Literal["first", "always"]
"""When a chunk's crc32c is computed: when it is first read through this reader, or whenever it is."""

_BATCH_BYTES = 1 << 20
"""Read at a time, and still in the processor's cache when its checksums are computed."""
_KNOWN_BATCH_BYTES = 1 << 22
_MAX_BUFFERS = 1024  # IOV_MAX


class ShardReader:
    """Reads any rows of one shard, checking each chunk. Safe in threads and after a fork."""

    def __init__(
        self, source: Source | Path, spec: ArraySpec, rows_per_shard: int, *, check: Check = "always",
        checksums: bytes | None = None,
    ) -> None:  # fmt: skip
        """source: a path is opened, and closed with the reader. checksums: the table that its chunks must meet."""
        self.spec = spec
        self._source: Source = LocalFile(source) if isinstance(source, Path) else source
        self.close = self._source.close
        self._row_bytes = math.prod(spec.row_shape) * spec.stored.itemsize
        self._chunk_bytes = math.prod(spec.chunk_shape) * spec.stored.itemsize
        self._groups = rows_per_shard // spec.chunk_rows
        presumed = None if checksums is None else self._presumed_index()
        self._presumed = presumed is not None
        self._index = self._read_index() if presumed is None else presumed
        self._expected = None if checksums is None else self._expected_checksums(checksums)
        self._seen = np.zeros(self._index.shape[:2], bool) if check == "first" else None
        self._zstd = Zstd()
        whole_rows = spec.codec == "raw" and spec.inner == spec.row_shape
        self._local = self._source if whole_rows and isinstance(self._source, LocalFile) else None
        """Set where rows can go from the file into the result without passing through Python."""
        self._mapped = (
            MappedRows(self._local, spec, self._index[:, 0, 0], self._seen[:, 0])
            if self._local is not None and self._seen is not None
            else None
        )

    def read_into(
        self,
        out: NDArray[np.generic],
        places: Sequence[int] | NDArray[np.intp],
        rows: Sequence[int] | NDArray[np.intp],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        """Read rows: out[places[i]] = rows[i], or its part [start, stop) along the row's first axis; stored dtype."""
        runs = None
        if self._local is not None and out.flags.c_contiguous and out.shape[1:] == self.spec.row_shape:
            if self._mapped is not None and self._mapped.copy(out, np.asarray(places), np.asarray(rows)):
                return
            runs = stretches(self.spec.chunk_rows, places, rows)
        if runs is None:
            self._read_groups(
                out, grouped(self.spec.chunk_rows, list(map(int, places)), list(map(int, rows))), start, stop
            )
        else:
            for place, row, count in runs:
                self._read_rows(out[place : place + count], row)

    def read_run(self, out: NDArray[np.generic], first: int) -> None:
        """Read consecutive rows: out[i] = row first + i; `out` is contiguous."""
        if self._local is not None:
            self._read_rows(out, first)
        else:
            self._read_groups(out, consecutive(self.spec.chunk_rows, first, len(out)), 0, None)

    def group(self, number: int) -> NDArray[np.generic]:
        """(chunk_rows, *row_shape): the rows that share their chunks."""
        size = self.spec.chunk_rows
        out = np.empty((size, *self.spec.row_shape), self.spec.stored)
        self.read_run(out, number * size)
        return out

    def stored_group(self, number: int) -> list[bytes | None]:
        """The chunks that `chunk_rows` rows share, as stored, checked."""
        return list(self._stored([(number, chunk) for chunk in range(self.spec.chunks_per_row)]))

    def checksums(self) -> bytes:
        """The table of its chunks' own crc32c, whatever the chunks hold."""
        found = np.zeros(self._index.shape[:2], "<u4")
        stored = np.argwhere(self._index[..., 0] != EMPTY)
        ends = [tuple(self._index[group, number].tolist()) for group, number in stored]
        tails = self._source.read_many([(offset + length - CRC_BYTES, CRC_BYTES) for offset, length in ends])
        for (group, number), tail in zip(stored, tails, strict=True):
            found[group, number] = int.from_bytes(tail, "little")
        return found.tobytes()

    def check_group(self, number: int) -> None:
        """Raises ShardError unless every chunk of these rows is as it was written."""
        for _ in self._stored([(number, chunk) for chunk in range(self.spec.chunks_per_row)]):
            pass

    def _read_groups(self, out: NDArray[np.generic], groups: Groups, start: int, stop: int | None) -> None:
        """Chunk by chunk, each once, whatever the codec and the cut."""
        try:
            self._read_chunks(out, groups, start, stop)
        except ShardError:
            if not self._presumed:
                raise
            self._presumed, self._index = False, self._read_index()
            self._read_chunks(out, groups, start, stop)

    def _read_chunks(self, out: NDArray[np.generic], groups: Groups, start: int, stop: int | None) -> None:
        wanted = cells(self.spec, start, stop)
        targets = [(picked, cell) for picked in groups.values() for cell in wanted]
        stored = self._stored([(group, cell.number) for group in groups for cell in wanted])
        for ((at, within), cell), data in zip(targets, stored, strict=True):
            if data is None:
                out[(at, *cell.row)] = self.spec.fill
            elif isinstance(at, list) or isinstance(within, list):
                out[(at, *cell.row)] = self._decoded(data)[(within, *cell.chunk)]
            else:
                self._decode_into(out[(at, *cell.row, ...)], data, (within, *cell.chunk))

    def _read_rows(self, out: NDArray[np.generic], first: int) -> None:
        """Rows from `first` on. Chunks of 16, rows 10 to 40: part of chunk 0, all of chunk 1, part of 2."""
        size, last = self.spec.chunk_rows, first + len(out)
        head = min(last, -(-first // size) * size)
        tail = max(head, last // size * size)
        if first < head:
            self._read_part(out[: head - first], first)
        if head < tail:
            self._read_whole_groups(out[head - first : tail - first], head // size)
        if tail < last:
            self._read_part(out[tail - first :], tail)

    def _read_part(self, out: NDArray[np.generic], first: int) -> None:
        """Some rows of one chunk: only their bytes where the chunk was checked before."""
        group, within = divmod(first, self.spec.chunk_rows)
        if self._seen is not None and self._seen[group, 0]:
            flat = out.reshape(-1).view(np.uint8).data
            offset = int(self._index[group, 0, 0]) + within * self._row_bytes
            self._read_exactly([flat], len(flat), offset, group)
            return
        (data,) = self._stored([(group, 0)])
        out[...] = self.spec.fill if data is None else self._decoded(data)[within : within + len(out)]

    def _read_whole_groups(self, out: NDArray[np.generic], first: int) -> None:
        """All rows of whole chunks: one system call a batch, straight into `out`."""
        flat = out.reshape(-1).view(np.uint8).reshape(-1, self._chunk_bytes)
        offsets = self._index[first : first + len(flat), 0, 0]
        stride = self._chunk_bytes + CRC_BYTES
        known = self._seen is not None and bool(self._seen[first : first + len(flat)].all())
        batch = max(1, min((_KNOWN_BATCH_BYTES if known else _BATCH_BYTES) // stride, _MAX_BUFFERS // 2))
        breaks = np.flatnonzero(np.diff(offsets) != stride) + 1  # empty chunks all break
        for low, high in zip([0, *breaks.tolist()], [*breaks.tolist(), len(flat)], strict=True):
            if offsets[low] == EMPTY:
                out[low * self.spec.chunk_rows : high * self.spec.chunk_rows] = self.spec.fill
                continue
            for start in range(low, high, batch):
                chunks = flat[start : min(start + batch, high)]
                self._read_batch(chunks, first + start, int(offsets[start]), known=known)

    def _read_batch(self, chunks: NDArray[np.uint8], first: int, offset: int, *, known: bool) -> None:
        """Neighbouring chunks (n, bytes) into their places, their checksums beside."""
        num, size = chunks.shape
        flat, tails = chunks.reshape(-1).data, memoryview(bytearray(CRC_BYTES * num))
        buffers = [tails[:CRC_BYTES]] * (2 * num)  # where nobody looks at them, one place does for all
        buffers[::2] = [flat[at : at + size] for at in range(0, num * size, size)]
        if not known:
            buffers[1::2] = [tails[at : at + CRC_BYTES] for at in range(0, num * CRC_BYTES, CRC_BYTES)]
        self._read_exactly(buffers, num * (size + CRC_BYTES), offset, first)
        if known:
            return
        crcs = np.array([google_crc32c.value(chunk) for chunk in chunks], "<u4")
        wrong = np.flatnonzero(crcs != np.frombuffer(tails, "<u4"))
        if len(wrong):
            raise self._damaged(f"chunk ({first + int(wrong[0])}, 0) fails its crc32c")
        if self._expected is not None:
            strange = np.flatnonzero(crcs != self._expected[first : first + num, 0])
            if len(strange):
                raise self._exchanged(first + int(strange[0]), 0)
        if self._seen is not None:
            self._seen[first : first + num, 0] = True

    def _read_exactly(self, buffers: list[memoryview], wanted: int, offset: int, group: int) -> None:
        assert self._local is not None  # read_into chose this way
        if self._local.read_into(offset, buffers, wanted) != wanted:
            raise self._damaged(f"it ends within chunk ({group}, 0)")

    def _stored(self, numbers: Sequence[tuple[int, int]]) -> Iterator[bytes | None]:
        """Chunks (group, number) as stored, checked; None where one is empty."""
        found = [self._index[group, number].tolist() for group, number in numbers]
        data = self._source.read_many([(offset, length) for offset, length in found if length != EMPTY])
        for (group, number), (_, length) in zip(numbers, found, strict=True):
            yield None if length == EMPTY else self._sound(next(data), group, number, length)

    def _sound(self, stored: bytes, group: int, number: int, length: int) -> bytes:
        known = self._seen is not None and self._seen[group, number]
        if len(stored) != length or not (known or crc_holds(stored)):
            raise self._damaged(f"chunk ({group}, {number}) fails its crc32c")
        if (
            self._expected is not None
            and int.from_bytes(stored[-CRC_BYTES:], "little") != self._expected[group, number]
        ):
            raise self._exchanged(group, number)
        if self._seen is not None:
            self._seen[group, number] = True
        return stored

    def _decode_into(self, place: NDArray[np.generic], stored: bytes, part: tuple[Picked, ...]) -> None:
        """That part of a chunk into its place; a whole chunk is unpacked right there."""
        if self.spec.codec == "zstd" and place.nbytes == self._chunk_bytes and place.flags.c_contiguous:
            self._unpacked(stored, place.reshape(-1).view(np.uint8))
        else:
            place[...] = self._decoded(stored)[part]

    def _decoded(self, stored: bytes) -> NDArray[np.generic]:
        """(chunk_rows, *chunk), read-only."""
        data = memoryview(stored)[:-CRC_BYTES] if self.spec.codec == "raw" else self._unpacked(stored)
        return np.frombuffer(data, self.spec.stored).reshape(self.spec.chunk_shape)

    def _unpacked(self, stored: bytes, into: NDArray[np.uint8] | None = None) -> memoryview:
        try:
            return unpacked(self._zstd, memoryview(stored)[:-CRC_BYTES], self._chunk_bytes, into)
        except ValueError as error:
            raise self._damaged(f"a chunk does not unpack: {error}") from error

    def _presumed_index(self) -> NDArray[np.uint64] | None:
        """Where raw chunks lie as harcache writes them: afar that saves a request. None where that can't be known."""
        afar = not isinstance(self._source, LocalFile | Held)
        return index_in_order(self.spec, self._groups, self._source.size) if afar else None

    def _read_index(self) -> NDArray[np.uint64]:
        size, length = self._source.size, index_bytes(self.spec, self._groups * self.spec.chunk_rows)
        try:
            return parsed_index(self._source.read(max(0, size - length), length), self.spec, size)
        except ValueError as error:
            raise self._damaged(str(error)) from error

    def _expected_checksums(self, table: bytes) -> NDArray[np.uint32]:
        """(groups, chunks_per_row); chunks that the index calls empty must be so by the table too."""
        num_chunks = self._index[..., 0].size
        if len(table) != num_chunks * CRC_BYTES:
            raise self._damaged(f"{len(table)} bytes of checksums are kept of its {num_chunks} chunks")
        expected = checksum_array(table, self.spec.chunks_per_row)
        strange = np.argwhere((self._index[..., 0] == EMPTY) & (expected != 0))
        if len(strange):
            raise self._exchanged(int(strange[0, 0]), int(strange[0, 1]))
        return expected

    def _exchanged(self, group: int, number: int) -> ShardError:
        self._source.distrust()
        return ShardError(
            f"{self._source.where} of array {self.spec.name!r} holds another shard's bytes: chunk ({group}, {number}) "
            "is whole, and not the one that was published here. Two files were exchanged, a mirror is half synced, or "
            "the store was replaced while it was read: open it again, or fetch it again; `cache verify` names the "
            "file, `cache repair` mends it"
        )

    def _damaged(self, what: str) -> ShardError:
        self._source.distrust()
        return ShardError(
            f"{self._source.where} of array {self.spec.name!r} is damaged: {what}. "
            "Run `python cli.py cache repair`, which mends the project's stores, the cache and DVC's copies, then the "
            "same command again (`dvc repro`); a store that came from elsewhere: fetch it again"
        )
