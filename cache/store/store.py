"""Reading a store in a folder: checked when opened, read by id, every byte checked. zarr is not needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..keys import JSON
from ..shards.sources import Files, LocalFiles
from ..shards.specs import ArraySpec
from .contents import Contents, read_contents
from .rows import Rows


def open_store(path: Path | str) -> "Store":
    """Open the store at `path` after checking that its manifest is intact and every file is there, whole.

    Contents are checked chunk by chunk as they are read. Raises StoreError.
    """
    files = LocalFiles(Path(path))
    return Store(Path(path), files, read_contents(files))


class Store:
    """An opened store. Pickles as its path; shards are opened when first read, by each process for itself."""

    def __init__(self, path: Path, files: Files, contents: Contents) -> None:
        self.path = path
        self.failures: tuple[dict[str, str], ...] = contents.failures
        """{"id", "array" where not all of the row's arrays failed, "error", "message"} a failure."""
        self.attrs: dict[str, JSON] = dict(contents.attrs)
        """The store's card, as `finish` was given it."""
        self.made_of: Mapping[str, Any] = contents.made_of
        """Array to what all its rows' documents share: step, version, params, weights, runtime."""
        self.arrays: tuple[str, ...] = tuple(sorted(contents.arrays))
        self._rows = Rows(files, contents, check="always")
        self.row_of: dict[str, int] = self._rows.row_of
        """Id to row; holes have none."""
        self.ids: tuple[str, ...] = self._rows.ids
        """Ids in row order."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.path,)

    def __len__(self) -> int:
        return len(self.ids)

    def spec(self, array: str) -> ArraySpec:
        """Return that array's layout."""
        return self._rows.part(array).spec

    def key(self, array: str, row_id: str) -> str:
        """The key of what that row was made of: what a later stage names as its input."""
        found = self._rows.key(array, self._rows.row(row_id))
        if found is None:
            raise StoreError(f"store {self.path}: row {row_id!r} was not made in array {array!r}")
        return found

    def keys(self, array: str) -> dict[str, str]:
        """Id to key, for each row that was made (or failed) in that array."""
        keys = ((row_id, self._rows.key(array, row)) for row_id, row in self.row_of.items())
        return {row_id: key for row_id, key in keys if key is not None}

    def coord(self, name: str) -> NDArray[np.generic]:
        """(len(ids), ...): a coordinate in the order of `ids`; words come as fixed-width bytes."""
        return self._rows.coord(name)

    def read(self, array: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
        """(n, *row_shape): these rows in this order; all of `ids` by default. Every byte is checked."""
        return self._rows.read(array, self._rows.numbers if ids is None else self._rows.rows(ids))

    def read_row(self, array: str, row_id: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """(stop - start, *row_shape[1:]): one row, or its part along its first axis; reads only that."""
        return self._rows.read_one(array, self._rows.row(row_id), start or None, stop)

    def close(self) -> None:
        """Give the file handles back; the next read opens them again."""
        self._rows.close()
