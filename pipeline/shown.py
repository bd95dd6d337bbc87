"""Printing values that hold arrays: shapes instead of numbers."""

from dataclasses import fields
from typing import Any

import numpy as np


class ShownByShape:
    """A dataclass made with `repr=False` that prints `score=float32(12, 2, 25)` where it holds an array.

    Bytes print their number; all else prints as it does.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        shown = ((f.name, getattr(self, f.name)) for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{name}={_short(value)}' for name, value in shown)})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_short(inner)}' for name, inner in value.items())}}}"
    return repr(value)
