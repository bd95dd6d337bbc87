"""MATLAB files: one named array read, and what is wrong with the file said."""

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from pipeline.errors import ClipError

BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, MatReadError, zlib.error)
"""Errors that SciPy raises on files that are cut short, of a version it cannot read (7.3), or not MATLAB's."""


def read_mat(path: Path, key: str, dims: int, error: type[ClipError]) -> NDArray[np.generic]:
    """The numeric array `key` of a `.mat` file; `error` where it is missing, broken, empty or of other rank.

    Bytes are read first: an OSError of the disk is the machine's and passes, one of parsing is the file's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as missing:
        raise error(f"{path.name}: no such file; fetch it again, or drop the clip") from missing
    try:
        variables = loadmat(BytesIO(content), variable_names=[key])
    except BROKEN as broken:
        raise error(f"{path.name}: not a readable .mat file ({broken}); fetch it again") from broken
    if key not in variables:
        raise error(f"{path.name}: no variable {key!r} in it; is this the file that its name says?")
    array = np.asarray(variables[key])
    if array.ndim != dims or 0 in array.shape or array.dtype.kind not in "iuf":
        raise error(f"{path.name}: {key} must be {dims} axes of numbers, got {array.dtype} {array.shape}")
    return array
