"""Replacements for the names that NumPy writes into pickles: numbers as bytes, and nothing that runs.

NumPy 1 and 2 write an array as a name, a dtype and its bytes, in three ways (protocols 0 to 2, 3 and 4,
5). Each is
rebuilt here, its shape checked against the bytes that the file truly holds, before any memory is taken.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_AXES = 32
"""NumPy 1's own bound."""

_CODES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_ORDERS = frozenset({"<", ">", "|", "="})
_MAX_SIZE = 1 << 40

NAMES = {
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
    "_codecs.encode": "encode",
    "builtins.bytes": "bytes",
    "__builtin__.bytes": "bytes",
    **{
        f"numpy.{core}.{name}": short
        for core in ("core", "_core")
        for name, short in (
            ("multiarray._reconstruct", "reconstruct"),
            ("multiarray.scalar", "scalar"),
            ("numeric._frombuffer", "frombuffer"),
        )
    },
}
"""Names that a file may hold, NumPy 1's and 2's, to what they mean here."""


class NotPlainError(ValueError):
    """Well-formed, but nothing that plain data needs."""


class Name:
    """A name that was asked for: a mere word, with nothing behind it."""

    def __init__(self, short: str) -> None:
        self.short = short


class Dtype:
    """A dtype in two steps, as pickle tells it: kind and size, then byte order."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    @property
    def value(self) -> np.dtype[Any]:
        """NumPy's dtype of that description."""
        return np.dtype(self.order + self.code)


class Array:
    """An array in two steps: announced, then filled."""

    value: NDArray[Any] | None = None


def _dtype(code: Any, align: Any = False, copy: Any = True) -> Dtype:
    if not isinstance(code, str) or code not in _CODES or align not in (False, 0) or copy not in (True, 1):
        actual = f"dtype {code!r:.40}" if isinstance(code, str) else f"a dtype named by {kind_of(code)}"
        raise NotPlainError(f"{actual}: arrays hold numbers, one of {', '.join(sorted(_CODES))}")
    return Dtype(code)


def _order(state: Any) -> str:
    """Byte order out of a dtype's state (version, order, subarray, names, fields, size, alignment, flags)."""
    if (
        not isinstance(state, tuple)
        or len(state) not in (8, 9)
        or any(part is not None for part in state[2:5])
    ):
        raise NotPlainError("a dtype's state is not that of a number")
    if not isinstance(state[1], str) or state[1] not in _ORDERS:
        raise NotPlainError("a dtype's byte order must be one of " + " ".join(sorted(_ORDERS)))
    return state[1]


def _reconstruct(kind: Any, shape: Any, code: Any) -> Array:
    """Python's machine would take memory for any shape here, before a byte of it was seen."""
    is_empty = isinstance(shape, tuple) and len(shape) == 1 and type(shape[0]) is int and shape[0] == 0
    if (
        not isinstance(kind, Name)
        or kind.short != "ndarray"
        or not is_empty
        or not isinstance(code, bytes | str)
    ):
        raise NotPlainError(f"it begins an array of {kind_of(kind)} with a size; arrays begin empty")
    return Array()


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """The array over `data`, read-only; its size must be exactly what the file holds."""
    if not isinstance(dtype, Dtype) or not isinstance(data, bytes | bytearray):
        raise NotPlainError(f"an array of {kind_of(dtype)} from {kind_of(data)}; numbers come as bytes")
    if not isinstance(shape, tuple) or len(shape) > MAX_AXES:
        raise NotPlainError(
            f"an array's shape must be a tuple of up to {MAX_AXES} sizes, got {kind_of(shape)}"
        )
    if any(type(size) is not int or not 0 <= size < _MAX_SIZE for size in shape):
        raise NotPlainError(f"an array's shape must be sizes from 0 to {_MAX_SIZE}")
    if math.prod(shape) * dtype.value.itemsize != len(data):
        raise NotPlainError(f"an array of shape {shape}, {dtype.code}, holds {len(data):,} bytes")
    values = np.frombuffer(bytes(data), dtype.value)
    try:
        return values.reshape(shape, order="F" if order == "F" else "C")
    except ValueError as error:  # nobody's joints in more frames than NumPy counts
        raise NotPlainError(f"an array of shape {shape}: {error}") from error


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C").item()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> NDArray[Any]:
    """Protocol 5's arrays; order K is an array with its axes in another order than in memory."""
    if not isinstance(order, str) or order not in ("C", "F", "K"):
        raise NotPlainError("an array's order must be C, F or K")
    stored = _array(data, dtype, shape, order)
    if order != "K":
        return stored
    if not isinstance(axes, tuple) or any(type(axis) is not int for axis in axes):
        raise NotPlainError(f"an array's axes must be a tuple of whole numbers, got {kind_of(axes)}")
    if sorted(axes) != list(range(stored.ndim)):
        raise NotPlainError(f"each of an array's {stored.ndim} axes must stand once in its order")
    return stored.transpose(axes)


def _encode(text: Any, codec: Any) -> bytes:
    """How protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or not isinstance(codec, str) or codec != "latin1":
        raise NotPlainError(f"it encodes {kind_of(text)} otherwise than as latin1, as bytes come")
    return text.encode("latin1")


_MAKERS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "reconstruct": (_reconstruct, 3, 3),
    "dtype": (_dtype, 1, 3),
    "scalar": (_scalar, 2, 2),
    "frombuffer": (_frombuffer, 4, 5),
    "encode": (_encode, 2, 2),
    "bytes": (bytes, 0, 0),
}
"""Word to its maker, and how few and how many arguments that takes."""


def call(maker: Any, arguments: Any) -> Any:
    """Build what a file asks for, with our own constructors alone: no foreign code runs."""
    if not isinstance(maker, Name) or maker.short not in _MAKERS or not isinstance(arguments, tuple):
        raise NotPlainError(
            f"it calls {kind_of(maker)} with {kind_of(arguments)}; nothing in a file is called"
        )
    make, least, most = _MAKERS[maker.short]
    if not least <= len(arguments) <= most:
        raise NotPlainError(f"{maker.short} with {len(arguments)} arguments, expected {least} to {most}")
    return make(*arguments)


def fill(target: Any, state: Any) -> Any:
    """The second step of a dtype or an array."""
    if isinstance(target, Dtype):
        target.order = _order(state)
        return target
    if isinstance(target, Array) and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, is_fortran, data = state
        target.value = _array(data, dtype, shape, "F" if is_fortran else "C")
        return target.value
    raise NotPlainError(f"it sets the state of {kind_of(target)}; only arrays and their dtypes have one")


def kind_of(value: Any) -> str:
    """For messages: never the value itself, which a stranger wrote."""
    return f"the name {value.short}" if isinstance(value, Name) else f"a {type(value).__name__.strip('_')}"
