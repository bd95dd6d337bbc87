"""Arrow arrays made straight of their buffers.

`pyarrow.array` imports pandas wherever that is installed, which takes longer than a whole stage that has nothing new.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def words(values: Sequence[str]) -> pa.Array:
    """(N,) strings; each a word of UTF-8."""
    spelled = [word.encode() for word in values]
    text = pa.py_buffer(b"".join(spelled))
    return pa.StringArray.from_buffers(len(spelled), pa.py_buffer(_ends([*map(len, spelled)])), text)


def numbers(values: NDArray[Any]) -> pa.Array:
    """(N,) numbers of the same type."""
    kind, whole = pa.from_numpy_dtype(values.dtype), np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(whole)])


def numbers_or_none(values: Sequence[float | None]) -> pa.Array:
    """(N,) float64, null where there is None."""
    there = np.packbits([value is not None for value in values], bitorder="little")
    whole = np.array([value or 0.0 for value in values], np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [pa.py_buffer(there), pa.py_buffer(whole)])


def vectors(values: NDArray[Any]) -> pa.Array:
    """(N,) lists of K numbers, of (N, K)."""
    ends = numbers(_ends([values.shape[1]] * len(values)))
    return pa.ListArray.from_arrays(ends, numbers(values.reshape(-1)))


def _ends(lengths: Sequence[int]) -> NDArray[np.int32]:
    """Where each begins, and the last ends: lengths 2, 0, 3 give 0, 2, 2, 5."""
    return np.cumsum([0, *lengths], dtype=np.int32)
