"""Files of plain arrays by other hands: read as NumPy reads them, or refused by one error."""

import lzma
import struct
import zipfile
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

TORN = (
    *(ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError, OverflowError, MemoryError),
    *(OSError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)
"""Errors that NumPy raises on bytes in memory that are no `.npy` or `.npz`: pickles, bytes cut short, archives that are
encrypted (RuntimeError) or compressed otherwise (NotImplementedError, which is one; OSError of bzip2)."""


def npz_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a `.npz` file by name. Raises ValueError, and says why, where the bytes are none."""
    try:
        with np.load(BytesIO(content)) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except TORN as error:
        raise ValueError(f"no readable .npz file of plain arrays ({error})") from error
