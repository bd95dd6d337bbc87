"""A shard that rows are copied from: no row of it is used before its record was asked what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ShardError
from ..home.home import Cache, log
from ..home.index import Place
from ..home.proof import prove
from ..shards.reading import ShardReader
from ..shards.records import Record, RowFailure, read_record
from ..shards.specs import ArraySpec


class RowSource:
    """One shard's rows. Raises ShardError where the shard, or its record, is not what its key names."""

    def __init__(self, cache: Cache, key: str, spec: ArraySpec) -> None:
        record = read_record(cache.record(key))
        _refuse_other(record, key, spec)
        if record.checksums is None:  # of an older harcache: nothing else tells of its chunks
            record = prove(cache, record)
        self._rows = record.rows
        self._size = spec.chunk_rows
        self._reader = ShardReader(cache.shard(key), spec, record.rows_per_shard, checksums=record.checksums)
        self._checked: set[int] = set()
        self._group_at: int | None = None
        self._group: NDArray[np.generic] = np.empty(0)
        self.close = self._reader.close

    def holds(self, row: int, row_key: str | None) -> bool:
        """Whether that row stands there under that key."""
        found = self._rows[row] if 0 <= row < len(self._rows) else None
        return found is not None and found.key == row_key

    def failed(self, row: int) -> RowFailure | None:
        """Why the row could not be made, if so."""
        found = self._rows[row]
        return None if found is None else found.failed

    def check(self, row: int) -> None:
        """Raise ShardError unless every chunk of the row is as it was written."""
        group = row // self._size
        if group not in self._checked:
            self._reader.check_group(group)
            self._checked.add(group)

    def stored(self, group: int) -> list[bytes | None]:
        """The chunks that `chunk_rows` rows share, as they are stored."""
        return self._reader.stored_group(group)

    def read(self, row: int) -> NDArray[np.generic]:
        """(*row_shape): neighbours lie in one chunk, which is read once for all of them."""
        group, within = divmod(row, self._size)
        if self._group_at != group:
            self._group_at, self._group = group, self._reader.group(group)
        return np.asarray(self._group[within])


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows of a block that can be copied from existing shards."""

    rows: Mapping[int, tuple[RowSource, int]]
    """Row of the block to where its content lies."""
    groups: Mapping[int, tuple[RowSource, int]]
    """Group of the block, `chunk_rows` rows, to the group of one shard that holds the very same rows."""
    failures: Mapping[int, RowFailure]
    """Row of the block to why it is known that it cannot be made."""
    shards: Mapping[int, str]
    """Row of the block, copied or failed, to the shard that said so."""


def proven_copies(
    cache: Cache, spec: ArraySpec, row_keys: tuple[str | None, ...], places: Mapping[int, Place],
    sources: dict[str, RowSource],
) -> Copies:  # fmt: skip
    """The places whose bytes are proven; a damaged shard is set aside, and nothing of it is used.

    sources: gets every shard that was opened, for the caller to close.
    """
    damaged: set[str] = set()
    good: dict[int, Place] = {}
    for row, place in places.items():
        if place.shard in damaged:
            continue
        try:
            if place.shard not in sources:
                sources[place.shard] = RowSource(cache, place.shard, spec)
            if _proven(sources[place.shard], place, row_keys[row]):
                good[row] = place
        except FileNotFoundError:
            damaged.add(place.shard)
        except ShardError as error:
            damaged.add(place.shard)
            cache.set_aside(place.shard, str(error))
    kept = {row: place for row, place in good.items() if place.shard not in damaged}
    failures = {row: why for row, place in kept.items() if (why := sources[place.shard].failed(place.row))}
    rows = {row: (sources[place.shard], place.row) for row, place in kept.items() if row not in failures}
    return Copies(
        rows,
        _whole_groups(rows, spec.chunk_rows),
        failures,
        {row: place.shard for row, place in kept.items()},
    )


def _whole_groups(rows: Mapping[int, tuple[RowSource, int]], size: int) -> dict[int, tuple[RowSource, int]]:
    """Groups of rows that lie in one group of one shard, in the same order: their chunks are the same bytes.

    Groups of 2, rows 0 and 1 from a shard's rows 4 and 5: group 0 is that shard's group 2.
    """
    groups = {}
    for row, (source, at) in rows.items():
        if row % size or at % size:
            continue
        if all(rows.get(row + more) == (source, at + more) for more in range(size)):
            groups[row // size] = source, at // size
    return groups


def _proven(source: RowSource, place: Place, row_key: str | None) -> bool:
    if not source.holds(place.row, row_key):
        log.warning(
            "the index says that row %d of shard %s holds %s, the shard's record says otherwise: it is made anew; "
            "remove index/ in the cache, which is made again from the records",
            place.row, place.shard, row_key,
        )  # fmt: skip
        return False
    if source.failed(place.row) is None:
        source.check(place.row)
    return True


def _refuse_other(record: Record, key: str, spec: ArraySpec) -> None:
    if record.key != key:
        raise ShardError(f"the record of shard {key} is another shard's ({record.key})")
    if record.spec.key_document != spec.key_document:
        raise ShardError(f"shard {key} holds {record.spec.name!r}, laid out otherwise than {spec.name!r}")
