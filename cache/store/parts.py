"""The parts of a store's folder, read one by one, so that what is whole can be told from what is not."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShardError, StoreError
from ..keys import FORMAT
from ..layout import KEYS, LAYOUT
from ..shards.documents import Documents, parse_documents
from ..shards.reading import ShardReader
from ..shards.specs import shard_key
from .described import Part, described_parts, swollen

_MAX_SHARDS = 1 << 18
"""A store is a few hundred."""


@dataclass(frozen=True)
class Parts:
    """Parts of a store according to zarr.json. Reading it proves nothing: `verify_store` does."""

    folder: Path
    attrs: Mapping[str, Any]
    """The group's attributes, ours among them."""
    row_dim: str
    num_rows: int
    """Holes included."""
    arrays: Mapping[str, Part]
    coords: Mapping[str, Part]

    def blocks(self, array: str) -> range:
        """Numbers of the array's blocks."""
        return range(-(-self.num_rows // self.arrays[array].rows_per_shard))

    def span(self, array: str, block: int) -> range:
        """Rows of a block, holes included."""
        step = self.arrays[array].rows_per_shard
        return range(block * step, min((block + 1) * step, self.num_rows))

    def documents(self, array: str, block: int) -> Documents:
        """Return the documents of a block's rows. Raises OSError or ShardError."""
        name = self.arrays[array].documents(block)
        return parse_documents((self.folder / name).read_bytes(), name)

    def ids(self) -> tuple[str | None, ...]:
        """Every row's id, None for a hole. Raises OSError or ShardError."""
        stored = self.coordinate(f"{self.row_dim}_id")
        return tuple(bytes(value).rstrip(b"\0").decode("ascii") or None for value in stored)

    def row_keys(self, array: str) -> tuple[str | None, ...]:
        """Every row's key in that array, as the coordinate `key` has it. Raises OSError or ShardError."""
        column = self.coords[KEYS].attrs["arrays"].index(array)
        keys = self.coordinate(KEYS)[:, column]
        return tuple(key.tobytes().hex() if key.any() else None for key in keys)

    def shard_key(self, array: str, block: int) -> str:
        """The cache's key of a block's shard, by its rows' keys. Raises OSError or ShardError."""
        part, span = self.arrays[array], self.span(array, block)
        return shard_key(part.spec, part.rows_per_shard, self.row_keys(array)[span.start : span.stop])

    def shard_keys(self) -> list[str]:
        """The keys of all its shards."""
        return [self.shard_key(array, block) for array in sorted(self.arrays) for block in self.blocks(array)]

    def coordinate(self, name: str) -> NDArray[Any]:
        """(num_rows, …): as stored, holes included. Raises OSError or ShardError."""
        part = self.coords[name]
        size = (self.folder / part.shard(0)).stat().st_size
        if swollen(part, size):
            raise ShardError(f"{part.shard(0)}: {size:,} bytes can't hold {part.rows_per_shard:,} rows")
        out = np.empty((part.rows_per_shard, *part.spec.row_shape), part.spec.stored)
        reader = ShardReader(self.folder / part.shard(0), part.spec, part.rows_per_shard)
        try:
            reader.read_run(out, 0)
        finally:
            reader.close()
        return out


def read_parts(folder: Path) -> Parts:
    """Take the group's zarr.json for what it says. Raises StoreError where it can't be understood."""
    path = folder / "zarr.json"
    try:
        attrs = json.loads(path.read_bytes())["attributes"]
        house = attrs[LAYOUT]
        arrays, coords = (described_parts(house[kind]) for kind in ("arrays", "coords"))
        parts = Parts(folder, attrs, house["row_dim"], house["rows"], arrays, coords)
        _refuse_absurd(parts)
    except FileNotFoundError as error:
        raise StoreError(f"store {folder}: zarr.json is missing; is this a store?") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise StoreError(f"store {folder}: zarr.json is unreadable ({error!r:.300})") from error
    if house.get("format") != FORMAT:
        raise StoreError(f"store {folder}: its format is {house.get('format')!r}, this code reads {FORMAT!r}")
    return parts


def _refuse_absurd(parts: Parts) -> None:
    """Numbers that no store has would have a reader make room, or a list, without end. Raises ValueError."""
    rows, ids = parts.num_rows, parts.coords[f"{parts.row_dim}_id"]
    if type(rows) is not int or rows < 1 or ids.rows_per_shard != rows:
        raise ValueError(f"{rows!r:.40} rows, {ids.rows_per_shard!r:.40} ids")
    shards = sum(len(parts.blocks(array)) for array in parts.arrays)
    if shards > _MAX_SHARDS:
        raise ValueError(f"{rows:,} rows would lie in {shards:,} shards")


def damaged_rows(path: Path, part: Part, checksums: bytes | None = None) -> tuple[str, Collection[int]]:
    """Check the checksums inside a shard; return a description and the damaged rows, none where all hold.

    checksums: what they must be; a chunk that is whole and another's is damaged then too.
    """
    try:
        reader = ShardReader(path, part.spec, part.rows_per_shard, checksums=checksums)
    except (ShardError, OSError) as error:
        return _described(error), range(part.rows_per_shard)
    bad: set[int] = set()
    try:
        for group in range(part.rows_per_shard // part.spec.chunk_rows):
            try:
                reader.check_group(group)
            except (ShardError, OSError):
                bad.update(range(group * part.spec.chunk_rows, (group + 1) * part.spec.chunk_rows))
    finally:
        reader.close()
    return "chunks fail their crc32c" if bad else "every chunk's crc32c holds", frozenset(bad)


def _described(error: Exception) -> str:
    return "its index fails its crc32c" if isinstance(error, ShardError) else f"unreadable ({error})"
