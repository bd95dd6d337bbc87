"""Rows of a planned store as far as the cache knows them, before anything of the store is made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..home.home import Cache
from ..shards.records import Record, RowFailure
from ..shards.specs import StoreSpec
from .row_source import RowSource
from .tasks import Task


@dataclass(frozen=True)
class KnownRows:
    """The rows of one plan; what the cache lacks has a key alone."""

    cache: Cache
    spec: StoreSpec
    order: tuple[str | None, ...]
    row_keys: Mapping[str, tuple[str | None, ...]]
    """Array to the key of each row; None for a hole, or a row without this array."""
    shards: Mapping[str, tuple[str, ...]]
    """Array to the key of each block's shard."""
    records: Mapping[str, Record]
    """Records of those shards that the cache has."""
    tasks: tuple[Task, ...]
    """Blocks of which it lacks shards."""

    def keys(self, array: str) -> dict[str, str]:
        """Id to key, for each row that has a document in that array."""
        rows = zip(self.order, self.row_keys[array], strict=True)
        return {row_id: key for row_id, key in rows if row_id is not None and key is not None}

    def failures(self) -> Iterator[dict[str, str]]:
        """Yield {"id", "array", "error", "message"} of each row that is known to fail."""
        for array in self.spec.arrays:
            for row, (_, _, failed) in self._places(array.name):
                if failed is not None:
                    where = {"id": str(self.order[row]), "array": array.name}
                    yield where | {"error": failed.error, "message": failed.message}

    def read(self, array: str, ids: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Id to row, (*row_shape), of those of `ids` that the cache has. Raises ShardError where one is damaged."""
        spec, wanted = self.spec.array(array), frozenset(ids)
        sources: dict[str, RowSource] = {}
        found = {}
        try:
            for row, (shard, within, failed) in self._places(array):
                row_id = self.order[row]
                if row_id in wanted and row_id is not None and failed is None:
                    if shard not in sources:
                        sources[shard] = RowSource(self.cache, shard, spec)
                    sources[shard].check(within)
                    found[row_id] = sources[shard].read(within)
        finally:
            for source in sources.values():
                source.close()
        return found

    def _places(self, array: str) -> Iterator[tuple[int, tuple[str, int, RowFailure | None]]]:
        """Row to (shard, row within it, why it failed), for each row that the cache has."""
        step = self.spec.rows_per_shard
        for block, key in enumerate(self.shards[array]):
            for within, one in enumerate(self.records[key].rows if key in self.records else ()):
                if one is not None:
                    yield block * step + within, (key, within, one.failed)
        for task in self.tasks:
            for planned in (shard for shard in task.shards if shard.spec.name == array):
                for within, place in planned.places.items():
                    yield task.block * step + within, (place.shard, place.row, place.failed)
