"""One array of a store, indexed like a NumPy array and read only as far as it is asked for."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..store.rows import Rows

_At: TypeAlias = Any
"""What NumPy takes between brackets."""


class ArrayView:
    """N clips, in the order of the reader's `ids`; holes of the store are not among them."""

    def __init__(self, rows: Rows, name: str) -> None:
        self.name = name
        self._rows = rows
        spec = rows.part(name).spec
        self.shape: tuple[int, ...] = (len(rows.ids), *spec.row_shape)
        """(N, …)"""
        self.dtype: np.dtype[Any] = spec.stored
        self.dims: tuple[str, ...] = (rows.contents.row_dim, *spec.dims)
        """Names of the axes."""

    def __repr__(self) -> str:
        sizes = ", ".join(f"{dim} {size}" for dim, size in zip(self.dims, self.shape, strict=True))
        return f"<array {self.name!r} of {self.dtype}: {sizes}>"

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it, in memory."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def of(self, ids: Sequence[str] | str) -> NDArray[Any]:
        """(len(ids), …): these clips in this order; one id gives its row alone."""
        if isinstance(ids, str):
            return self._rows.read_one(self.name, self._rows.row(ids))
        return self._rows.read(self.name, self._rows.rows(ids))

    def __getitem__(self, at: _At) -> NDArray[Any]:
        """As NumPy: [3], [10:20], [[5, 1]], [mask], [10:20, 0], [..., 0]; of the clips only those are read."""
        first, *rest = at if isinstance(at, tuple) else (at,)
        if first is Ellipsis or first is None:
            return np.asarray(self._all()[at])
        if isinstance(first, int | np.integer):
            return self._one(int(first), tuple(rest))
        rows = self._rows.read(self.name, self._rows.numbers[first])
        return np.asarray(rows[(slice(None), *rest)]) if rest else rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"array {self.name!r} lies in a store: to have it in memory is to copy it")
        return self._all().astype(dtype or self.dtype, copy=False)

    def _all(self) -> NDArray[Any]:
        return self._rows.read(self.name, self._rows.numbers)

    def _one(self, place: int, rest: tuple[Any, ...]) -> NDArray[Any]:
        if not -len(self) <= place < len(self):
            raise IndexError(f"clip {place} of {len(self)} in array {self.name!r}")
        row = int(self._rows.numbers[place])
        if rest and isinstance(rest[0], slice) and rest[0].step in (None, 1):
            part = self._rows.read_one(self.name, row, rest[0].start, rest[0].stop)
            return np.asarray(part[(slice(None), *rest[1:])])
        return np.asarray(self._rows.read_one(self.name, row)[rest])
