"""The layout inside one shard file: Zarr v3's sharding_indexed.

The file is the chunks one after the other, then the index: for each chunk its offset and its length
(uint64, little-endian; both all ones where the chunk is empty and not stored), then the index's crc32c.
Each chunk ends in a crc32c of its own, outside the compression, so that every flipped byte is found.
Source: Zarr v3 sharding codec 1.0, "Binary shard format".
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import google_crc32c
import numpy as np

from .specs import ArraySpec

EMPTY = 0xFFFF_FFFF_FFFF_FFFF
CRC_BYTES = 4
Picked: TypeAlias = int | slice | list[int]


def index_bytes(spec: ArraySpec, rows_per_shard: int) -> int:
    """Size of the index at the shard's end."""
    return 16 * (rows_per_shard // spec.chunk_rows) * spec.chunks_per_row + CRC_BYTES


@dataclass(frozen=True, slots=True)
class Cell:
    """Overlap of one chunk with the requested slice of a row."""

    number: int
    """The chunk's number among a row's chunks, in C order."""
    row: tuple[slice, ...]
    """Range of the requested slice that the chunk covers."""
    chunk: tuple[slice, ...]
    """Range within the chunk; the rest is padding or was not requested."""


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


def picked(numbers: list[int]) -> Picked:
    """A slice where the numbers follow each other: NumPy copies it several times as fast as a list."""
    first, stop = numbers[0], numbers[0] + len(numbers)
    return slice(first, stop) if numbers == list(range(first, stop)) else numbers


def crc_of(data: bytes) -> bytes:
    """Return the crc32c as it is stored: 4 bytes, little-endian."""
    return int(google_crc32c.value(data)).to_bytes(CRC_BYTES, "little")


def crc_holds(stored: bytes) -> bool:
    """Return whether the last four bytes are the crc32c of those before."""
    content = np.frombuffer(stored, np.uint8)[:-CRC_BYTES]  # the checksum takes arrays without copying
    return int(google_crc32c.value(content)).to_bytes(CRC_BYTES, "little") == stored[-CRC_BYTES:]
