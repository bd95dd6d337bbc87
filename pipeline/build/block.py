"""Writing one block of a store: whole, from inputs that stayed as they were, or not at all."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cache import Receipt, RowFailure, Task, write_block
from pipeline.build.pinned import Pinned
from pipeline.build.unexpected import Unexpected
from pipeline.build.work import ClipArrays, SourcedWork, Work


class _LeftOutError(Exception):
    """Some clips of a block failed unexpectedly: nothing of the block may be recorded."""


def write(
    root: Path, work: Work, pinned: Pinned, tick: Callable[..., None] | None, task: Task
) -> Receipt | dict[str, Unexpected]:
    """Write a block into the cache at `root`; or say which of its clips failed unexpectedly, and write nothing."""
    proven = work.named_by(_inputs(task)) if isinstance(work, SourcedWork) else work
    left: dict[str, Unexpected] = {}
    compute = partial(_computed, proven, pinned, tick or (lambda **_: None), left)
    try:
        return write_block(root, task, compute, made_with=work.made_with)
    except _LeftOutError:
        return left


def _computed(
    work: Work,
    pinned: Pinned,
    tick: Callable[..., None],
    left: dict[str, Unexpected],
    ids: list[str],
    arrays: frozenset[str],
) -> Iterator[tuple[str, ClipArrays | RowFailure]]:
    """A block's rows; after an unexpected error the others are tried, to find all at once.

    It raises behind the last of them, and so undoes the block, where one failed so, or its inputs were replaced.
    """
    with pinned.held():
        for clip_id, made in work.compute(ids, arrays):
            if isinstance(made, Unexpected):
                left[clip_id] = made
            elif not left:
                failed = isinstance(made, RowFailure)
                tick(made=int(not failed), failed=int(failed))
                yield clip_id, made
        if left:
            raise _LeftOutError


def _inputs(task: Task) -> dict[str, Mapping[str, Any]]:
    """Id to the inputs by which its row is named; of all arrays together where they differ."""
    found: dict[str, dict[str, Any]] = {}
    for shard in task.shards:
        for row_id, doc in zip(task.ids, shard.docs, strict=True):
            if row_id is not None and isinstance(doc, dict):
                found.setdefault(row_id, {}).update(doc["inputs"])  # type: ignore[arg-type]
    return dict(found)
