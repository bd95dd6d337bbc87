"""Checksums of a shard's chunks, kept beside the shard: what one chunk of it is held against when it is read alone.

A chunk's own crc32c tells that it is whole, not that it stands where it should: two shards that exchanged their
contents pass it, and so does a mirror of which half is yesterday's. Hence the table: each chunk's crc32c (uint32,
little-endian, in the order of the shard's index; 0 where a chunk is empty). It travels at the end of the documents,
where it can be fetched alone, and the manifest holds its digest. To zstd it is a skippable frame: a reader that knows
nothing of it reads the documents as ever. Source: RFC 8878, section 3.1.2 (skippable frames).
"""

import struct

import numpy as np
from numpy.typing import NDArray

from .specs import ArraySpec

_HEAD = struct.Struct("<II")
_MAGIC = 0x184D2A5C
_LENGTH = struct.Struct("<I")
FRAME_BYTES = _HEAD.size + _LENGTH.size
"""Bytes of a frame besides its table."""


def table_bytes(spec: ArraySpec, rows_per_shard: int) -> int:
    """Bytes of a shard's table: 4 a chunk."""
    return 4 * (rows_per_shard // spec.chunk_rows) * spec.chunks_per_row


def framed(table: bytes) -> bytes:
    """The table as a frame that zstd skips. It ends in its payload's length, so that it is found from behind."""
    length = len(table) + _LENGTH.size
    return _HEAD.pack(_MAGIC, length) + table + _LENGTH.pack(length)


def framed_table(data: bytes) -> bytes | None:
    """The table of the frame in which `data` ends; None where it ends in none, as what was written before."""
    if len(data) < FRAME_BYTES:
        return None
    (length,) = _LENGTH.unpack(data[-_LENGTH.size :])
    start = len(data) - length - _HEAD.size
    if start < 0 or length < _LENGTH.size or data[start : start + _HEAD.size] != _HEAD.pack(_MAGIC, length):
        return None
    return data[start + _HEAD.size : -_LENGTH.size]


def checksum_array(table: bytes, chunks_per_row: int) -> NDArray[np.uint32]:
    """(groups, chunks_per_row): the table as numbers."""
    return np.frombuffer(table, "<u4").reshape(-1, chunks_per_row)
