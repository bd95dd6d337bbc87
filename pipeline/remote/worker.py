"""A block on a worker that shares no disk with the client: claimed, its inputs fetched, computed, and sent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from cache import Cache, Receipt, Store
from cache.errors import ContentError
from cache.files import link_or_copy
from cache.keys import key_of
from cache.locks import aside
from cache.mount_check import mark
from cache.remote.claims import Claims
from cache.remote.content import Pool, Sender
from cache.remote.objects import Objects
from cache.remote.shards import is_there, send_shard, take_shard
from cache.remote.stores import open_fetched
from pipeline.build.block import write
from pipeline.build.unexpected import Unexpected
from pipeline.errors import RunError
from pipeline.remote.blocks import Refused, SentBlock, SentFile, SentStage, placed
from pipeline.stand_ins import standing_in


def write_remotely(stage: SentStage, block: SentBlock) -> Receipt | dict[str, Unexpected] | Refused:
    """Compute what the remote cache lacks of a block, and send it there; the receipt names the shards that were sent.

    All is done in the folder that HARCACHE_DIR names on this machine. Raises RunError where it names none.
    """
    cache, task = _own_cache(), block.task
    pool = _pool(stage.remote, cache.root)
    try:
        with Claims(pool.objects, stage.lease_seconds) as claims:
            lacking = [
                shard for shard in task.shards
                if claims.take(shard.key, partial(is_there, pool.objects, shard.key))
            ]  # fmt: skip
            if not lacking:
                return Receipt(task.block, 0, task.num_rows, 0, 0.0, 0, ())
            return _written(stage, replace(block, task=replace(task, shards=tuple(lacking))), cache, pool)
    except ContentError as error:
        return Refused(task.block, str(error))


def _written(stage: SentStage, block: SentBlock, cache: Cache, pool: Pool) -> Receipt | dict[str, Unexpected]:
    """Compute a block and send its shards, which then leave this machine."""
    keys = [shard.key for shard in block.task.shards]
    for known in {place.shard for shard in block.task.shards for place in shard.places.values()}:
        if not take_shard(pool.objects, known, cache):  # it holds rows of which no recording was sent
            raise ContentError(f"shard {known}, whose rows are to be copied, is not there whole")
    project = _Project(pool, cache.root / "projects" / _identity(stage))
    for file in (*stage.files, *block.files):
        project.place(file)
    work = placed(stage.work, project.at, cache)
    with project.stores_at_hand(stage.stores):
        done = write(cache.root, work, placed(stage.pinned, project.at), None, block.task)
    if isinstance(done, Receipt):
        sender = Sender(pool.objects)
        for key in keys:
            send_shard(cache, key, sender, pool.objects)
            cache.discard(key)
        done = replace(done, shards=tuple(keys))
    return done


@dataclass(frozen=True, slots=True)
class _Project:
    """A folder of this machine that holds the client's files at the places that they have there."""

    pool: Pool
    root: Path

    def at(self, path: Path) -> Path:
        """Where the client's absolute path lies here: /lab/data/a.avi at <root>/lab/data/a.avi."""
        return self.root.joinpath(*path.parts[1:])

    def place(self, file: SentFile) -> None:
        """Have a file at its place. Raises ContentError where it cannot be fetched."""
        target = self.at(file.path)
        if target.exists():
            return
        content = self.pool.fetch(file.digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        with aside(self.root, "placing") as fresh:  # one of this machine's workers at a time
            if not target.exists():
                link_or_copy(content, fresh)
                fresh.rename(target)

    @contextmanager
    def stores_at_hand(self, stores: tuple[SentFile, ...]) -> Iterator[None]:
        """Within, each store is opened at its place, its files fetched as they are read."""
        with standing_in() as places:
            for store in stores:
                places[self.at(store.path)] = _store(store.path, self.pool, store.digest)
            yield


def _own_cache() -> Cache:
    folder = os.environ.get("HARCACHE_DIR")
    if not folder:
        raise RunError(
            "HARCACHE_DIR names no folder on this worker: set it to one on the worker's own disk, where blocks are "
            "computed before they go to the remote cache"
        )
    mark(Path(folder))
    return Cache(Path(folder))


def _identity(stage: SentStage) -> str:
    """Digest of a stage's inputs: whoever has others has another folder."""
    files = [*stage.pinned.digests, *((file.path, file.digest) for file in stage.files)]
    return key_of([[str(path), digest] for path, digest in files])


@lru_cache(maxsize=4)
def _pool(remote: str, root: Path) -> Pool:
    return Pool(Objects(remote), root / "remote")


@lru_cache(maxsize=16)
def _store(path: Path, pool: Pool, manifest: str) -> Store:
    return open_fetched(path, pool, manifest)
