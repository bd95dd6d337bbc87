"""Writing one block: copy what exists, compute the rest once, store each array's shard, then record it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..collecting import no_collection
from ..errors import BuildError
from ..files import full_disk_explained, write_atomic
from ..home.home import Cache
from ..home.proof import settled
from ..keys import JSON
from ..locks import locked
from ..mount_check import mounted
from ..shards.documents import documents_bytes, write_documents
from ..shards.records import RowFailure, record_document
from ..shards.spelled import spelled_docs
from ..shards.writing import ShardWriter
from .row_source import RowSource, proven_copies
from .tasks import PlannedShard, Receipt, Task

ComputedRow: TypeAlias = "tuple[str, Mapping[str, NDArray[np.generic]] | RowFailure]"
Compute: TypeAlias = Callable[[list[str], frozenset[str]], Iterator[ComputedRow]]


def write_block(
    cache_root: Path, task: Task, compute: Compute, *, made_with: Mapping[str, JSON] | None = None
) -> Receipt:
    """Run one task. `compute` is called once at most, with the ids and the arrays that are still missing.

    It yields (id, {array: row} or RowFailure), each id once, in the order given; arrays that nobody lacks
    are ignored. `made_with` (device, threads, batch) goes into the record and into no key. Whatever is
    raised undoes the block; shards that were whole before stay.
    """
    cache = Cache(cache_root)
    began = time.perf_counter()
    with ExitStack() as held:
        held.enter_context(mounted(cache.root))
        for shard in task.shards:
            held.enter_context(locked(cache.lock(shard.key)))
        jobs = [held.enter_context(_Job(cache, shard)) for shard in task.shards if not cache.holds(shard.key)]
        missing = [row for row in range(len(task.ids)) if any(job.lacks(row) for job in jobs)]
        failed = _fill(task, jobs, missing, compute)
        for job in jobs:
            with full_disk_explained(cache.shard(job.plan.key), f"block {task.block}"):
                job.commit(task.ids, time.perf_counter() - began, made_with or {})
    return Receipt(
        block=task.block, made=len(missing) - failed, copied=task.num_rows - len(missing), failed=failed,
        seconds=time.perf_counter() - began, bytes_written=sum(job.size for job in jobs),
        shards=tuple(job.plan.key for job in jobs),
    )  # fmt: skip


def _fill(task: Task, jobs: "list[_Job]", missing: list[int], compute: Compute) -> int:
    """Give every job every row, in order; gives how many rows failed."""
    ids = [str(task.ids[row]) for row in missing]
    wanted = frozenset(job.plan.spec.name for job in jobs if any(job.lacks(row) for row in missing))
    computed = compute(ids, wanted) if ids else iter(())
    needed = frozenset(missing)
    at: str | None = None
    failed = 0
    try:
        for row, row_id in enumerate(task.ids):
            at = row_id
            value = _next(computed, str(row_id)) if row in needed else None
            failed += isinstance(value, RowFailure)
            for job in jobs:
                job.put(row, str(row_id), value)
        _refuse_more(computed)
    except Exception as error:
        error.add_note(
            f"while making row {at!r}, block {task.block}, arrays {sorted(wanted)}; the block is undone"
        )
        raise
    finally:
        getattr(computed, "close", lambda: None)()
    return failed


def _next(computed: Iterator[ComputedRow], row_id: str) -> Mapping[str, NDArray[np.generic]] | RowFailure:
    made = next(computed, None)
    if made is None or made[0] != row_id:
        got = "nothing more" if made is None else repr(made[0])
        raise BuildError(
            f"compute must yield each id once, in the order given: expected {row_id!r}, got {got}"
        )
    return made[1]


def _refuse_more(computed: Iterator[ComputedRow]) -> None:
    more = next(computed, None)
    if more is not None:
        raise BuildError(f"compute yielded {more[0]!r} after the last id; it must yield each id once")


class _Job:
    """One shard in the making. As a context it removes its temporary file and closes what it read."""

    @no_collection()
    def __init__(self, cache: Cache, plan: PlannedShard) -> None:
        self.plan = plan
        self.size = 0
        self._cache = cache
        self._sources: dict[str, RowSource] = {}
        self._copies = proven_copies(cache, plan.spec, plan.row_keys, plan.places, self._sources)
        self._failures = dict(self._copies.failures)
        self._aside = cache.shard(plan.key).with_suffix(".tmp")
        self._writer: ShardWriter | None = None

    def __enter__(self) -> "_Job":
        self._writer = ShardWriter(self._aside, self.plan.spec, self.plan.rows_per_shard)
        return self

    def __exit__(self, *_: object) -> None:
        for source in self._sources.values():
            source.close()
        if self._writer is not None:
            self._writer.abort()

    def lacks(self, row: int) -> bool:
        """Whether the row must be computed for this array."""
        return self.plan.row_keys[row] is not None and row not in self._copies.shards

    def put(
        self, row: int, row_id: str, value: Mapping[str, NDArray[np.generic]] | RowFailure | None
    ) -> None:
        """Append the block's next row: a hole, a copy, a failure, or what was computed."""
        assert self._writer is not None  # put is called within the context
        group, within = divmod(row, self.plan.spec.chunk_rows)
        if whole := self._copies.groups.get(group):
            if within == 0:
                self._writer.copy(whole[0].stored(whole[1]))
            return
        if copy := self._copies.rows.get(row):
            self._writer.write(copy[0].read(copy[1]))
            return
        if isinstance(value, RowFailure) and self.lacks(row):
            self._failures[row] = value
        if self.plan.row_keys[row] is None or row in self._failures:
            self._writer.write(None)
            return
        assert isinstance(value, Mapping)  # a row that is lacking was asked for
        self._writer.write(self._fitting(row_id, value))

    @no_collection()
    def commit(self, ids: tuple[str | None, ...], seconds: float, made_with: Mapping[str, JSON]) -> None:
        """Whole on the disk first, then under its name, then recorded."""
        assert self._writer is not None  # commit is called within the context
        plan, docs = self.plan, spelled_docs(self.plan.docs)
        size, digest = self._writer.close()
        checksums = self._writer.checksums
        record = record_document(
            key=plan.key, spec=plan.spec, rows_per_shard=plan.rows_per_shard, size=size, digest=digest,
            checksums=checksums, ids=ids, row_keys=plan.row_keys, docs=docs,
            failures=self._failures, copied_from=self._copies.shards, mtime_ns=settled(self._aside),
            seconds=seconds, made_with=made_with,
        )  # fmt: skip
        target = self._cache.shard(plan.key)
        self._aside.chmod(0o444)  # stores link to this very file
        self._aside.rename(target)
        self._writer = None
        documents = documents_bytes(
            plan.key, plan.spec.key_document, plan.rows_per_shard, docs, self._failures, checksums
        )
        write_documents(self._cache.documents(plan.key), documents)  # syncs the folder, too
        write_atomic(self._cache.record(plan.key), record)
        self.size = size

    def _fitting(self, row_id: str, value: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
        spec = self.plan.spec
        if spec.name not in value:
            raise BuildError(
                f"row {row_id!r}: compute gave {sorted(value)}, but {spec.name!r} was wanted too"
            )
        row = np.asarray(value[spec.name])
        if row.shape != spec.row_shape or row.dtype != np.dtype(spec.dtype):
            raise BuildError(
                f"row {row_id!r}, array {spec.name!r}: expected {spec.dtype} {spec.row_shape}, "
                f"got {row.dtype} {row.shape}"
            )
        return row
