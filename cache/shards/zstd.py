"""Unpacking zstd without trusting it: a frame says how much it holds, and that is read before room is made.

Source: RFC 8878, section 3.1.1.1 (the frame header).
"""

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

_MAGIC = b"\x28\xb5\x2f\xfd"
_DICT_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)
_SINGLE_SEGMENT = 0x20


def unpacked(
    zstd: Zstd, data: memoryview, expected: int, into: NDArray[np.uint8] | None = None
) -> memoryview:
    """The frame's content, in `into` where it is given: (expected,).

    Raises ValueError where it is not `expected` bytes, before anything is unpacked.
    """
    held = content_size(bytes(data[:18]))
    if held != expected:
        raise ValueError(f"its frame holds {held} bytes, expected {expected}")
    try:
        content = memoryview(zstd.decode(data, into))
    except RuntimeError as error:  # what numcodecs raises of a damaged frame
        raise ValueError(str(error)) from error
    if len(content) != expected:
        raise ValueError(f"it holds {len(content)} bytes, expected {expected}")
    return content


def content_size(head: bytes) -> int | None:
    """Return the content size that a frame's first 18 bytes state; None where they state none or are no frame."""
    if len(head) < 6 or head[:4] != _MAGIC:
        return None
    descriptor = head[4]
    single = bool(descriptor & _SINGLE_SEGMENT)
    length = _SIZE_BYTES[descriptor >> 6] or int(single)
    start = 5 + (not single) + _DICT_BYTES[descriptor & 3]
    if length == 0 or len(head) < start + length:
        return None
    return int.from_bytes(head[start : start + length], "little") + (256 if length == 2 else 0)
