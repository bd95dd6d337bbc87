"""Writes plain data as a pickle that NumPy 1 and 2 both read, one annotation after the other.

Python's own pickler names arrays by the NumPy that writes them, and NumPy 1 can't find NumPy 2's names. Protocol 3,
no more of it than lists, dicts, tuples, numbers, words and arrays need; arrays in C order, little-endian.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PickleError

PROTOCOL = 3
_MAX_BYTES = (1 << 32) - 1
_START = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
"""_reconstruct(ndarray, (0,), b"b"): an array announced."""


class PickleWriter:
    """Values into a binary file, in the order of the calls."""

    def __init__(self, file: IO[bytes]) -> None:
        self._put = file.write

    def document(self, fields: Mapping[str, Any], name: str, items: Iterable[Any]) -> None:
        """The whole pickle: a dict of `fields`, then a list called `name` of `items`, taken one by one."""
        self._put(b"\x80" + bytes([PROTOCOL]))
        self._put(b"}(")
        for field, value in fields.items():
            self.value(field)
            self.value(value)
        self.value(name)
        self._put(b"]")
        for item in items:
            self.value(item)
            self._put(b"a")
        self._put(b"u.")

    def value(self, value: Any) -> None:
        """One value with all that it holds."""
        writer = _WRITERS.get(type(value))
        if writer is None:
            raise PickleError(
                f"a {type(value).__name__} is no plain data; numbers, words, lists, dicts, arrays"
            )
        writer(self, value)

    def _none(self, _: None) -> None:
        self._put(b"N")

    def _bool(self, value: bool) -> None:
        self._put(b"\x88" if value else b"\x89")

    def _int(self, value: int) -> None:
        data = value.to_bytes(8, "little", signed=True)
        self._put(b"\x8a\x08" + data)

    def _float(self, value: float) -> None:
        self._put(b"G" + struct.pack(">d", value))

    def _str(self, value: str) -> None:
        data = value.encode()
        self._put(b"X" + struct.pack("<I", len(data)) + data)

    def _list(self, values: list[Any]) -> None:
        self._put(b"](")
        for value in values:
            self.value(value)
        self._put(b"e")

    def _tuple(self, values: tuple[Any, ...]) -> None:
        self._put(b"(")
        for value in values:
            self.value(value)
        self._put(b"t")

    def _dict(self, values: dict[str, Any]) -> None:
        self._put(b"}(")
        for name, value in values.items():
            self.value(name)
            self.value(value)
        self._put(b"u")

    def _array(self, array: NDArray[Any]) -> None:
        """As NumPy's own __reduce__ says it: announced, then (1, shape, dtype, is Fortran, bytes)."""
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        if little.dtype.kind not in "biuf" or little.nbytes > _MAX_BYTES:
            raise PickleError(f"arrays hold numbers, 4 GiB at most; got {array.dtype} {array.shape}")
        self._put(_START + b"(K\x01")
        self._tuple(array.shape)
        self._dtype(little.dtype)
        self._put(b"\x89B" + struct.pack("<I", little.nbytes))
        self._put(little.tobytes())
        self._put(b"tb")

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        code, order = dtype.str[1:], dtype.str[0]
        self._put(b"cnumpy\ndtype\n")
        self._tuple((code, False, True))
        self._put(b"R")
        self._tuple((3, order, None, None, None, -1, -1, 0))
        self._put(b"b")


_WRITERS: dict[type, Callable[[PickleWriter, Any], None]] = {
    type(None): PickleWriter._none,
    bool: PickleWriter._bool,
    int: PickleWriter._int,
    float: PickleWriter._float,
    str: PickleWriter._str,
    list: PickleWriter._list,
    tuple: PickleWriter._tuple,
    dict: PickleWriter._dict,
    np.ndarray: PickleWriter._array,
}
