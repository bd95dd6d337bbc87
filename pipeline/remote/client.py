"""The client's side: what blocks read is sent, blocks run on the cluster, and their shards are taken home."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cache import Build, Cache, Receipt, Task
from cache.home.digests import Digests
from cache.home.withdrawn import undamaged_notes
from cache.layout import MANIFEST
from cache.remote.claims import LEASE_SECONDS
from cache.remote.content import Sender
from cache.remote.objects import Objects
from cache.remote.shards import send_shard, take_shard
from cache.store.manifest import read_manifest
from pipeline.build.build import StoreJob, size_text
from pipeline.build.runner import RunOptions, run_tasks
from pipeline.build.unexpected import Unexpected
from pipeline.errors import RunError
from pipeline.remote.blocks import Refused, SentBlock, SentFile, SentStage, placed
from pipeline.remote.files import Reads, reads_of
from pipeline.remote.worker import write_remotely
from pipeline.seals import list_of

ROUNDS = 3
"""Number of times that a block is tried, each after what was damaged in the remote cache was sent or made anew."""


def run_remotely(
    job: StoreJob, build: Build, options: RunOptions
) -> Iterator[Receipt | dict[str, Unexpected]]:
    """Have workers that share no disk with us make the build's tasks, and yield what each gave once it is at home.

    Raises RunError for a stage that cannot be sent so, or where damage does not end; RemoteError where the remote
    cache cannot be used, before anything is sent.
    """
    reads, objects = reads_of(job.stage), Objects(options.remote)
    objects.check()
    waiting: Sequence[Task] = build.tasks
    why = ""
    for _ in range(ROUNDS):
        stage, blocks = _sent(job, build.cache, waiting, reads, objects, options)
        by_number = {task.block: task for task in waiting}
        again: list[Task] = []
        for done in run_tasks(partial(write_remotely, stage), blocks, options):
            if isinstance(done, dict):
                yield done
                continue
            task = by_number[done.block]
            reason = done.why if isinstance(done, Refused) else _lost(objects, build.cache, task, done)
            if reason:
                why = reason
                again.append(task)
            elif isinstance(done, Receipt):
                yield done
        if not again:
            return
        waiting = again
    raise RunError(
        f"{job.stage}: {len(waiting)} blocks failed {ROUNDS} times: {why}; run the same command again"
    )


def _lost(objects: Objects, cache: Cache, task: Task, receipt: Receipt) -> str:
    """Take a block's shards home; gives what is wrong with one that must be made anew, "" where nothing is."""
    withdrawn = undamaged_notes(cache)
    for shard in task.shards:
        fresh = shard.key in receipt.shards  # made just now: no earlier withdrawal speaks of it
        if not take_shard(objects, shard.key, cache, None if fresh else withdrawn):
            return f"shard {shard.key} did not arrive whole"
    return ""


def _sent(
    job: StoreJob, cache: Cache, tasks: Sequence[Task], reads: Reads, objects: Objects,
    options: RunOptions,
) -> tuple[SentStage, list[SentBlock]]:  # fmt: skip
    """Send what the remote cache lacks of the tasks' inputs, and give what is to be told of them."""
    sender = Sender(objects, lists=True)
    pinned = placed(job.pinned, Path.absolute)
    files = [SentFile(path, digest) for path, digest in pinned.digests if digest is not None]
    for file in files:
        sender.send(file.path, file.digest)
    stores = tuple(
        SentFile(file.path.parent, file.digest)
        for file in files
        if file.path.name == MANIFEST and file.path.parent.stem in job.reads
    )
    for store in stores:
        for name, facts in read_manifest(store.path).files.items():
            sender.send(store.path / name, facts.digest)
    for key in {place.shard for task in tasks for shard in task.shards for place in shard.places.values()}:
        send_shard(cache, key, sender, objects)
    with Digests(cache) as digests:
        files += _by_digest([*_lists(files), *reads.of_all(job.work)], digests, sender)
        blocks = [
            SentBlock(task, tuple(_by_digest(reads.of_clips(job.work, _ids(task)), digests, sender)))
            for task in tasks
        ]
    if sender.bytes_sent and not options.quiet:
        print(f"{job.stage}: {size_text(sender.bytes_sent)} sent to {objects.url}", file=sys.stderr)
    work = placed(job.work, Path.absolute)
    return SentStage(objects.url, work, pinned, tuple(files), stores, LEASE_SECONDS), blocks


def _lists(pinned: Sequence[SentFile]) -> list[Path]:
    """The sealed lists that answer for catalogs and weights; a store's manifest answers for itself."""
    lists = (list_of(file.path) for file in pinned if file.path.name != MANIFEST)
    return sorted({path for path in lists if path is not None})


def _ids(task: Task) -> list[str]:
    """Clips for which something must be computed."""
    rows = enumerate(task.ids)
    return [row_id for row, row_id in rows if row_id and any(shard.lacks(row) for shard in task.shards)]


def _by_digest(paths: Sequence[Path], digests: Digests, sender: Sender) -> Iterator[SentFile]:
    """Send files, and all files of folders, under their sha256."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                sha256 = digests.sha256(file)
                sender.send(file, sha256)
                yield SentFile(file.absolute(), sha256)
