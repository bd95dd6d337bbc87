"""Rows of a shard on this machine by one copy each out of a memory map, for batches in random order."""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .chunk_index import CRC_BYTES
from .sources import LocalFile
from .specs import ArraySpec


class MappedRows:
    """Rows that lie whole in raw chunks of one size, one chunk behind the other: those before the first gap."""

    def __init__(
        self, source: LocalFile, spec: ArraySpec, offsets: NDArray[np.uint64], seen: NDArray[np.bool_]
    ) -> None:
        """offsets, seen: (groups,), where each chunk begins in the file, and whether it was checked; seen rises."""
        self._source = source
        self._seen = seen
        self._size = spec.chunk_rows
        self._row = np.dtype((np.void, math.prod(spec.row_shape) * spec.stored.itemsize))
        self._stride = self._size * self._row.itemsize + CRC_BYTES
        even = offsets == offsets[:1] + np.arange(len(offsets), dtype=np.uint64) * np.uint64(self._stride)
        self._groups = (len(even) if even.all() else int(even.argmin())) if self._row.itemsize else 0
        self._first = int(offsets[0]) if len(offsets) else 0
        self._chunks: NDArray[np.void] | None = None
        """(groups, chunk_rows), once mapped."""
        self._all_seen = False

    def copy(self, out: NDArray[np.generic], places: NDArray[np.intp], rows: NDArray[np.intp]) -> bool:
        """Copy out[places] = rows; False, and nothing done, where one is of an unchecked chunk, or cannot be had."""
        groups, within = np.divmod(rows, self._size)
        if not self._all_seen:
            self._all_seen = bool(self._seen[: self._groups].all())
        if not self._all_seen and not self._seen[groups].all():
            return False
        if self._chunks is None:
            self._chunks = self._mapped()
        if self._chunks is None or not self._source.is_whole():
            return False  # what is touched beyond a file's end kills the process
        try:
            found = self._chunks[groups, within]
        except IndexError:  # beyond the first gap
            return False
        out.reshape(-1).view(self._row)[places] = found
        return True

    def _mapped(self) -> NDArray[np.void] | None:
        content = self._source.mapped()
        if content is None or self._first + self._groups * self._stride > len(content):
            return None
        first = content[self._first : self._first + self._row.itemsize].view(self._row)
        return as_strided(
            first, (self._groups, self._size), (self._stride, self._row.itemsize), writeable=False
        )
