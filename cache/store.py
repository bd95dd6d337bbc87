"""Reading a store: checked when opened, read by id, straight from the shards. zarr is not needed."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import StoreError
from .keys import FORMAT, JSON, digest_of, key_of
from .metadata import shard_name
from .publish import HOUSE, KEYS, MANIFEST
from .shard_reading import ShardReader
from .specs import ArraySpec

_OPEN_SHARDS = 128


@dataclass(frozen=True, slots=True)
class _Layout:
    spec: ArraySpec
    rows_per_shard: int
    attrs: Mapping[str, Any]


def open_store(path: Path | str) -> "Store":
    """Open the store at `path` after checking that its manifest is intact and every file is there, whole.

    Contents are checked chunk by chunk as they are read. Raises StoreError.
    """
    folder = Path(path)
    files = _checked_manifest(folder)
    data = (folder / "zarr.json").read_bytes()
    if digest_of(data) != files["zarr.json"]["blake2b160"]:
        raise _broken(folder, "zarr.json was changed since the store was made")
    attrs = json.loads(data)["attributes"]
    if attrs.get(HOUSE, {}).get("format") != FORMAT:
        raise _broken(folder, f"its format is not {FORMAT!r}")
    return Store(folder, attrs)


def _checked_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        told = manifest.pop("digest")
    except FileNotFoundError as error:
        raise _broken(folder, f"it has no {MANIFEST}: no store, or never finished") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _broken(folder, f"its {MANIFEST} is unreadable ({error!r})") from error
    if key_of(manifest) != told:
        raise _broken(folder, f"its {MANIFEST} does not match its own digest")
    for name, facts in manifest["files"].items():
        try:
            size = (folder / name).stat().st_size
        except FileNotFoundError as error:
            raise _broken(folder, f"{name} is missing") from error
        if size != facts["size"]:
            raise _broken(folder, f"{name} holds {size:,} bytes, its manifest says {facts['size']:,}")
    files: dict[str, Any] = manifest["files"]
    return files


def _broken(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"store {folder}: {why}. Fetch it again, or remove the folder and run its stage: "
        "the cache gives back what it has"
    )


class Store:
    """An opened store. Pickles as its path; shards are opened when first read, by each process for itself."""

    def __init__(self, path: Path, attrs: dict[str, Any]) -> None:
        self.path = path
        self._house = attrs.pop(HOUSE)
        self.failures: tuple[dict[str, str], ...] = tuple(attrs.pop("failures"))
        """{"id", "array" where not all of the row's arrays failed, "error", "message"} a failure."""
        attrs.pop("coordinates")
        self.attrs: dict[str, JSON] = attrs
        """The store's card, as `finish` was given it."""
        self._arrays = {name: _layout(doc) for name, doc in self._house["arrays"].items()}
        self._coords = {name: _layout(doc) for name, doc in self._house["coords"].items()}
        self.arrays: tuple[str, ...] = tuple(sorted(self._arrays))
        self._readers: OrderedDict[tuple[str, int], ShardReader] = OrderedDict()
        self._guard = threading.Lock()
        words = self._whole_coord(f"{self._house['row_dim']}_id")
        self.row_of: dict[str, int] = {word.decode(): row for row, word in enumerate(words.tolist()) if word}
        """Id to row; holes have none."""
        self.ids: tuple[str, ...] = tuple(self.row_of)
        """Ids in row order."""
        self._keys: NDArray[np.generic] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.path,)

    def __len__(self) -> int:
        return len(self.ids)

    def spec(self, array: str) -> ArraySpec:
        """How that array is laid out."""
        return self._layout(array).spec

    def key(self, array: str, row_id: str) -> str:
        """The key of what that row was made of: what a later stage names as its input."""
        found = self._key(array, self._row(row_id))
        if found is None:
            raise StoreError(f"store {self.path}: row {row_id!r} was not made in array {array!r}")
        return found

    def keys(self, array: str) -> dict[str, str]:
        """Id to key, for each row that was made (or failed) in that array."""
        keys = ((row_id, self._key(array, row)) for row_id, row in self.row_of.items())
        return {row_id: key for row_id, key in keys if key is not None}

    def coord(self, name: str) -> NDArray[np.generic]:
        """(len(ids), ...): a coordinate in the order of `ids`; words come as fixed-width bytes."""
        if name not in self._coords:
            raise StoreError(f"store {self.path} has no coordinate {name!r}; it has {sorted(self._coords)}")
        return np.asarray(self._whole_coord(name)[list(self.row_of.values())])

    def read(self, array: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
        """(n, *row_shape): these rows in this order; all of `ids` by default. Every byte is checked."""
        layout = self._layout(array)
        rows = list(self.row_of.values()) if ids is None else [self._row(row_id) for row_id in ids]
        out = np.empty((len(rows), *layout.spec.row_shape), layout.spec.stored)
        blocks: dict[int, tuple[list[int], list[int]]] = {}
        for place, row in enumerate(rows):
            places, within = blocks.setdefault(row // layout.rows_per_shard, ([], []))
            places.append(place)
            within.append(row % layout.rows_per_shard)
        for block, (places, within) in sorted(blocks.items()):
            self._reader(array, layout, block).read_into(out, places, within)
        return out

    def read_row(self, array: str, row_id: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """(stop - start, *row_shape[1:]): one row, or its part along its first axis; reads only that."""
        layout = self._layout(array)
        shape = layout.spec.row_shape
        if shape:
            first, last, _ = slice(start, stop).indices(shape[0])
            shape = (max(0, last - first), *shape[1:])
        else:
            first, last = 0, None
        out = np.empty((1, *shape), layout.spec.stored)
        row = self._row(row_id)
        reader = self._reader(array, layout, row // layout.rows_per_shard)
        reader.read_into(out, [0], [row % layout.rows_per_shard], first, last)
        return np.asarray(out[0])

    def close(self) -> None:
        """Give the file handles back; the next read opens them again."""
        with self._guard:
            while self._readers:
                self._readers.popitem()[1].close()

    def _row(self, row_id: str) -> int:
        if row_id not in self.row_of:
            raise StoreError(
                f"store {self.path} has no row {row_id!r}; it holds {len(self.ids)} rows, see .ids"
            )
        return self.row_of[row_id]

    def _layout(self, array: str) -> _Layout:
        if array not in self._arrays:
            raise StoreError(f"store {self.path} has no array {array!r}; it has {list(self.arrays)}")
        return self._arrays[array]

    def _key(self, array: str, row: int) -> str | None:
        self._layout(array)
        if self._keys is None:
            self._keys = self._whole_coord(KEYS)
        data = self._keys[row, self._coords[KEYS].attrs["arrays"].index(array)].tobytes()
        return data.hex() if any(data) else None

    def _whole_coord(self, name: str) -> NDArray[np.generic]:
        """(N, ...), holes included."""
        layout = self._coords[name]
        out = np.empty((layout.rows_per_shard, *layout.spec.row_shape), layout.spec.stored)
        everything = range(layout.rows_per_shard)
        reader = ShardReader(self._shard(name, layout, 0), layout.spec, layout.rows_per_shard)
        try:
            reader.read_into(out, everything, everything)
        finally:
            reader.close()
        if layout.attrs.get("encoding") == "ascii":
            return out.view(f"S{out.shape[-1]}")[..., 0]
        return out

    def _reader(self, array: str, layout: _Layout, block: int) -> ShardReader:
        with self._guard:
            reader = self._readers.pop((array, block), None)
            if reader is None:
                reader = ShardReader(self._shard(array, layout, block), layout.spec, layout.rows_per_shard)
            self._readers[array, block] = reader
            if len(self._readers) > _OPEN_SHARDS:
                self._readers.popitem(last=False)  # closes with its last user
            return reader

    def _shard(self, array: str, layout: _Layout, block: int) -> Path:
        return self.path / array / shard_name(block, len(layout.spec.row_shape))


def _layout(doc: Mapping[str, Any]) -> _Layout:
    own = {name: value for name, value in doc.items() if name not in ("rows_per_shard", "attrs")}
    return _Layout(ArraySpec.from_document(own), doc["rows_per_shard"], doc["attrs"])
