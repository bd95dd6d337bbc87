"""The layout inside one shard file: Zarr v3's sharding_indexed.

The file is the chunks one after the other, then the index: for each chunk its offset and its length
(uint64, little-endian; both all ones where the chunk is empty and not stored), then the index's crc32c.
Each chunk ends in a crc32c of its own, outside the compression, so that every flipped byte is found.
Source: Zarr v3 sharding codec 1.0, "Binary shard format".
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from .specs import ArraySpec

EMPTY = 0xFFFF_FFFF_FFFF_FFFF
CRC_BYTES = 4
Picked: TypeAlias = int | slice | list[int]


def index_bytes(spec: ArraySpec, rows_per_shard: int) -> int:
    """Size of the index at the shard's end."""
    return 16 * (rows_per_shard // spec.chunk_rows) * spec.chunks_per_row + CRC_BYTES


def parsed_index(stored: bytes, spec: ArraySpec, size: int) -> NDArray[np.uint64]:
    """(groups, chunks_per_row, 2): offset and length of each chunk, by the last bytes of a shard of `size` bytes.

    Raises ValueError where its crc32c fails, or a chunk would lie outside.
    """
    if len(stored) < CRC_BYTES or len(stored) > size or not crc_holds(stored):
        raise ValueError(f"its index (last {len(stored)} bytes of {size}) fails its crc32c")
    index = np.frombuffer(stored[:-CRC_BYTES], "<u8").reshape(-1, spec.chunks_per_row, 2)
    offsets, lengths = index[..., 0], index[..., 1]
    room = size - len(stored)
    fits = (offsets <= room) & (lengths >= CRC_BYTES) & (lengths <= room) & (offsets + lengths <= room)
    if spec.codec == "raw":
        fits &= lengths == _raw_bytes(spec)
    if not (fits | ((offsets == EMPTY) & (lengths == EMPTY))).all():
        raise ValueError("its index names chunks that cannot be there")
    return index


def index_in_order(spec: ArraySpec, groups: int, size: int) -> NDArray[np.uint64] | None:
    """The index of a shard whose chunks lie one behind the other; None where some may be empty or packed.

    None too where no such shard has that size.

    Raw chunks of 12 bytes, 3 of 4 groups stored: (0, 12), (12, 12), (24, 12), empty.
    """
    if spec.codec != "raw" or spec.padded:
        return None
    stored, rest = divmod(size - index_bytes(spec, groups * spec.chunk_rows), _raw_bytes(spec))
    if rest or not 0 <= stored <= groups * spec.chunks_per_row:
        return None
    index = np.full((groups * spec.chunks_per_row, 2), EMPTY, "<u8")
    index[:stored, 0] = np.arange(stored, dtype="<u8") * _raw_bytes(spec)
    index[:stored, 1] = _raw_bytes(spec)
    return index.reshape(groups, spec.chunks_per_row, 2)


def _raw_bytes(spec: ArraySpec) -> int:
    return math.prod(spec.chunk_shape) * spec.stored.itemsize + CRC_BYTES


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
