"""Tasks for workers and their results: plain values that pickle."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..home.index import Place
from ..keys import JSON
from ..shards.specs import ArraySpec


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """One array's shard of one block, that the cache lacks. B rows in the block."""

    spec: ArraySpec
    rows_per_shard: int
    key: str
    row_keys: tuple[str | None, ...]
    """B keys; None for a hole, or a row without this array."""
    docs: tuple[JSON, ...]
    """B fingerprint documents, None where there is no key."""
    places: Mapping[int, Place]
    """Row in the block to where its content lies already."""

    def lacks(self, row: int) -> bool:
        """Whether the row must be computed for this array."""
        return self.row_keys[row] is not None and row not in self.places


@dataclass(frozen=True, slots=True)
class Task:
    """One block of rows: computed, written and recorded by one worker."""

    block: int
    ids: tuple[str | None, ...]
    """B ids; None is a hole."""
    shards: tuple[PlannedShard, ...]
    """Those that the cache lacks, sorted by key: the order in which their locks are taken."""

    @property
    def rows_to_make(self) -> int:
        """Rows for which something must be computed; 0 where all can be copied."""
        return sum(any(shard.lacks(row) for shard in self.shards) for row in range(len(self.ids)))

    @property
    def num_rows(self) -> int:
        """Rows of the block that are not holes."""
        return sum(row is not None for row in self.ids)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Result of a task. Rows are counted once, however many arrays they have."""

    block: int
    made: int
    """Rows computed."""
    copied: int
    """Rows copied from other shards, or found written by another process meanwhile."""
    failed: int
    """Rows that were tried and failed, just now."""
    seconds: float
    bytes_written: int
    shards: tuple[str, ...]
    """Keys of the shards written."""
