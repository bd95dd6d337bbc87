"""Borrowing: what a build lacks, taken over from the shared cache below, whole shards at a time."""

from collections.abc import Iterable

from ..home.home import Cache
from ..home.index import shared_index_database, synced_index
from ..home.shared import shared_below, take_shard
from ..home.withdrawn import undamaged_notes
from ..shards.specs import entry_key, entry_prefix
from .tasks import PlannedShard, Task


def borrow(cache: Cache, tasks: Iterable[Task]) -> int:
    """Take the shards that the tasks lack, else those that hold rows of theirs; gives how many were taken."""
    shared = shared_below(cache)
    lacking = [shard for task in tasks for shard in task.shards]
    if shared is None or not lacking:
        return 0
    withdrawn = undamaged_notes(cache)
    parted = [shard for shard in lacking if not take_shard(shared, shard.key, cache, withdrawn)]
    wanted = [entry for shard in parted for entry in _entries(shard)]
    if not wanted:
        return len(lacking)
    with synced_index(shared, shared_index_database(cache)) as index:
        holding = {place.shard for place in index.find(wanted).values()} - {shard.key for shard in parted}
    return (
        len(lacking) - len(parted) + sum(take_shard(shared, key, cache, withdrawn) for key in sorted(holding))
    )


def _entries(shard: PlannedShard) -> list[bytes]:
    """Names of the contents that must be made."""
    prefix = entry_prefix(shard.spec)
    return [
        entry_key(prefix, key)
        for row, key in enumerate(shard.row_keys)
        if key is not None and shard.lacks(row)
    ]
