"""Building a store: plan it against the cache, hand out what is missing, publish what is there."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..collecting import no_collection
from ..errors import BuildError, ShardError
from ..home.home import Cache
from ..home.index import Index, Place, synced_index
from ..home.known_records import KnownRecords
from ..home.proof import prove
from ..home.references import remember_use
from ..home.row_keys import KeyTable, RowKeys
from ..home.row_order import KnownOrder, arranged
from ..keys import JSON
from ..locks import Shared, locked
from ..mount_check import mark, mounted
from ..shards.chunk_index import index_bytes
from ..shards.records import Record
from ..shards.specs import ArraySpec, Row, StoreSpec, entry_key, entry_prefix
from .borrowing import borrow
from .known_rows import KnownRows
from .publish import Publication, publish
from .tasks import PlannedShard, Task

Item = TypeVar("Item")

_CHUNK_OVERHEAD_BYTES = 64  # crc32c, and what zstd adds to bytes that don't compress


class Build:
    """A store on its way. Planning happens here: nothing is computed, nothing of the store is written yet."""

    @no_collection()
    def __init__(
        self, cache: Cache, name: str, spec: StoreSpec, rows: Sequence[Row], *, may_be_empty: bool = False
    ) -> None:
        """`name` (as "demo/frames") is where the row order is remembered between builds; part of no key.

        Without rows, BuildError; with `may_be_empty` then a store of one hole.
        """
        self.cache = cache
        self.name = name
        self.spec = spec
        mark(cache.root)
        with mounted(cache.root):
            self._at_work = Shared(cache.in_use)
        if not rows and not may_be_empty:
            raise BuildError("a store needs one row or more, got none; is the list of what to build empty?")
        self._num_rows = len(rows)
        ids = [row.id for row in rows]
        self._known_order = KnownOrder(cache.order(name))
        places = arranged(self._known_order.rows, ids)
        self._rows, self._order = _in_order(rows, places), tuple(_in_order(ids, places))
        self._row_keys = RowKeys(cache.row_keys(name), [array.name for array in spec.arrays])
        self._keys = self._row_keys.of(self._rows)
        self._known = KnownRecords(cache, name)
        self._shards = {array.name: self._shard_keys(array) for array in spec.arrays}
        self._records: dict[str, Record] = {}
        with mounted(cache.root), synced_index(cache) as index:
            self.tasks: tuple[Task, ...] = self._plan(index)
        """One a block of rows that lacks a shard. Where `rows_to_make` is 0, all its rows can be copied."""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids in row order, without the holes: the order of `finish`'s coordinates."""
        return tuple(filter(None, self._order))

    @no_collection()
    def borrow(self) -> int:
        """Take what the tasks lack from the cache that is shared below, and plan anew; gives how many shards it was."""
        with mounted(self.cache.root):
            taken = borrow(self.cache, self.tasks)
            if taken:
                with synced_index(self.cache) as index:
                    self.tasks = self._plan(index)
        return taken

    @property
    def rows_to_make(self) -> int:
        """Rows for which something must be computed."""
        return sum(task.rows_to_make for task in self.tasks)

    @property
    def rows_cached(self) -> int:
        """Rows for which nothing must be computed; remembered failures are among them."""
        return self._num_rows - self.rows_to_make

    @property
    def ids_to_make(self) -> frozenset[str]:
        """Ids of those rows."""
        return frozenset(
            str(row_id)
            for task in self.tasks
            for row, row_id in enumerate(task.ids)
            if any(shard.lacks(row) for shard in task.shards)
        )

    @property
    def known(self) -> KnownRows:
        """Return keys, contents and failures of the rows, as far as the cache knows them."""
        return KnownRows(
            self.cache, self.spec, self._order, self._keys, self._shards, self._records, self.tasks
        )

    @property
    def bytes_to_write(self) -> int:
        """Upper bound of the bytes that the tasks add to the cache; compression and padding make it less."""
        return sum(_bound(shard, len(task.ids)) for task in self.tasks for shard in task.shards)

    @property
    def bytes_of_store(self) -> int:
        """Upper bound of the bytes of all shards of the store, those that the cache has already among them."""
        return self.bytes_to_write + sum(record.size for record in self._records.values())

    @no_collection()
    def finish(self, out: Path, coords: Mapping[str, NDArray[np.generic]], attrs: Mapping[str, JSON]) -> None:
        """Publish the store at `out`, replacing what was there in one step.

        coords: name to (len(ids), ...) in the order of `ids`; fixed-width bytes ("S") for words.
        attrs: the store's card, plain JSON: what it is, licence, recipe. Raises BuildError where a task
        has not been written.
        """
        out = Path(out)
        with mounted(self.cache.root, out.parent):
            self._refuse_unwritten()
            self._publish(out, coords, attrs)

    def _publish(
        self, out: Path, coords: Mapping[str, NDArray[np.generic]], attrs: Mapping[str, JSON]
    ) -> None:
        facts: dict[str, JSON] = {"name": self.name, "rows": self._num_rows, "made": self.rows_to_make}
        shards = [*chain.from_iterable(self._shards.values())]
        with locked(self.cache.order(self.name).with_suffix(".lock")):
            remember_use(self.cache, out, shards=shards, facts=facts, replacing=True)
            publish(self.cache, self._publication(coords, attrs), out)
            self._known_order.replace(self._order)
            self._row_keys.remember()
            self._known.remember(shards)
        remember_use(self.cache, out, shards=shards, facts=facts)
        self._at_work.release()

    def _refuse_unwritten(self) -> None:
        missing = [(task.block, shard.spec.name) for task in self.tasks for shard in task.shards
                   if not self.cache.holds(shard.key)]  # fmt: skip
        if missing:
            raise BuildError(
                f"store {self.name!r}: {len(missing)} shards are not written yet, first block "
                f"{missing[0][0]} of array {missing[0][1]!r}; give every task of `tasks` to "
                "write_block before finish"
            )

    def _publication(
        self, coords: Mapping[str, NDArray[np.generic]], attrs: Mapping[str, JSON]
    ) -> Publication:
        records = {
            name: tuple(self._records.get(key) or self._known.read(key) for key in keys)
            for name, keys in self._shards.items()
        }
        return Publication(self.spec, self._order, self._keys, records, self._docs, coords, attrs)

    def _docs(self, array: str, block: int) -> tuple[JSON, ...]:
        """The documents of a block's rows; None for a hole, or a row without this array."""
        return tuple(None if row is None else row.docs.get(array) for row in self._rows[self._span(block)])

    def _shard_keys(self, array: ArraySpec) -> tuple[str, ...]:
        return tuple(self._shard_key(self._keys, array, block) for block in self._blocks)

    def _shard_key(self, keys: KeyTable, array: ArraySpec, block: int) -> str:
        return self._row_keys.shard_key(keys, array, self.spec.rows_per_shard, self._span(block))

    @property
    def _blocks(self) -> range:
        return range(-(-len(self._order) // self.spec.rows_per_shard))

    def _plan(self, index: Index) -> tuple[Task, ...]:
        known = index.shards()
        present = {key for keys in self._shards.values() for key in keys if key in known and self._whole(key)}
        tasks = []
        for block in self._blocks:
            lacking = [array for array in self.spec.arrays if self._shards[array.name][block] not in present]
            if lacking:
                shards = sorted(
                    (self._planned(index, array, block) for array in lacking), key=lambda s: s.key
                )
                tasks.append(Task(block, self._order[self._span(block)], tuple(shards)))
        return tuple(tasks)

    def _whole(self, key: str) -> bool:
        """Whether the cache's shard is what its record says; one that is not is set aside, and made anew."""
        record = self._proven(key)
        if record is not None:
            self._records[key] = record
        return record is not None

    def _proven(self, key: str) -> Record | None:
        try:
            return prove(self.cache, self._known.read(key))
        except FileNotFoundError:
            return None
        except ShardError as error:
            self.cache.set_aside(key, str(error))
            return None

    def _planned(self, index: Index, array: ArraySpec, block: int) -> PlannedShard:
        row_keys = self._keys.block(array.name, self._span(block))
        places = self._stayed(array, block, row_keys)
        prefix = entry_prefix(array)
        entries = {
            row: entry_key(prefix, key)
            for row, key in enumerate(row_keys)
            if key is not None and row not in places
        }
        found = index.find(entries.values())
        places |= {row: found[entry] for row, entry in entries.items() if entry in found}
        key = self._shards[array.name][block]
        docs = self._docs(array.name, block)
        return PlannedShard(array, self.spec.rows_per_shard, key, row_keys, docs, places)

    def _stayed(self, array: ArraySpec, block: int, row_keys: Sequence[str | None]) -> dict[int, Place]:
        """Rows that the block's shard of the last build holds in the same place: mostly all, and found at once."""
        step, before = self.spec.rows_per_shard, self._row_keys.before.block(array.name, self._span(block))
        key = self._shard_key(self._row_keys.before, array, block)
        record = self._proven(key)
        failures = {} if record is None else record.failures
        return {
            row: Place(key, step, row, failures.get(row))
            for row, (old, new) in enumerate(zip(before, row_keys, strict=False))
            if old == new and new is not None and record is not None
        }

    def _span(self, block: int) -> slice:
        return slice(block * self.spec.rows_per_shard, (block + 1) * self.spec.rows_per_shard)


def _in_order(items: Sequence[Item], places: NDArray[np.intp]) -> list[Item | None]:
    """What each row of the store holds of `items`, None for a hole; one hole where there are none."""
    if np.array_equal(places, np.arange(len(items))):  # as a catalog lists them
        return [*items] or [None]
    return [None if place < 0 else items[place] for place in places.tolist()]


def _bound(shard: PlannedShard, rows: int) -> int:
    spec = shard.spec
    groups = -(-rows // spec.chunk_rows)
    chunks = groups * spec.chunks_per_row
    data = groups * spec.chunk_rows * spec.row_bytes
    return (
        data
        + data // 128 * (spec.codec == "zstd")
        + chunks * _CHUNK_OVERHEAD_BYTES
        + index_bytes(spec, shard.rows_per_shard)
    )
