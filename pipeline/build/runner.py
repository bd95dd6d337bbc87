"""Runs tasks inline, in local processes, or on anyone's dask cluster, and hands their receipts back.

A task is one shard and returns a small receipt, never arrays. dask lives in this module only.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.errors import RunError

Task = TypeVar("Task")
Receipt = TypeVar("Receipt")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run; nothing here may change a byte of what is made."""

    workers: int = 1
    """Processes on this machine; 1 runs inline, without dask."""
    scheduler: str | None = None
    """Address of a running dask scheduler, `tcp://host:port`; its workers share our file system."""
    quiet: bool = False

    def inline(self, num_tasks: int) -> bool:
        """Whether so many tasks run in this very process: for one alone no workers are started."""
        return self.scheduler is None and min(self.workers, num_tasks) <= 1

    @property
    def cores(self) -> int:
        """Threads that mathematics in one process may use: what the machine gives us, or OMP_NUM_THREADS."""
        given = _given_cores()
        asked = os.environ.get("OMP_NUM_THREADS", "")
        return min(given, int(asked)) if asked.isdecimal() and int(asked) > 0 else given

    @property
    def threads(self) -> int:
        """Threads that each of several workers may use: the machine's cores, shared out."""
        return max(1, min(self.cores, _given_cores() // max(1, self.workers)))


def _given_cores() -> int:
    """Cores that this process may use, where the system tells (Linux does); else all that the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(
    work: Callable[[Task], Receipt], tasks: Sequence[Task], options: RunOptions
) -> Iterator[Receipt]:
    """Yield each task's receipt as it comes; inline they come in order.

    A worker that dies costs its shard: dask gives it to another. Raises RunError where no worker is left
    or a scheduler does not answer; an error raised by `work` itself passes through.
    """
    if options.inline(len(tasks)) or not tasks:
        yield from map(work, tasks)
        return
    with ExitStack() as stack:
        client = stack.enter_context(_client(options, min(options.workers, len(tasks)), stack))
        yield from _on_dask(client, work, tasks)


def _client(options: RunOptions, workers: int, stack: ExitStack) -> Any:
    import dask
    from distributed import Client, LocalCluster

    stack.enter_context(
        dask.config.set(
            {"distributed.worker.multiprocessing-method": "spawn", "distributed.admin.tick.limit": "1h"}
        )
    )
    if options.scheduler is None:
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,
                memory_limit=None,  # the tasks' memory is flat; dask's estimate would pause workers for page cache
                silence_logs=40,
            )
        )
        return Client(cluster)
    try:
        return Client(options.scheduler, timeout="10s")
    except (OSError, ValueError) as error:  # dask's word for an address that is none
        raise RunError(
            f"no dask scheduler answers at {options.scheduler} ({error}): start one with `dask scheduler` "
            "and give its address, tcp://host:port"
        ) from error


def _on_dask(client: Any, work: Callable[[Task], Receipt], tasks: Sequence[Task]) -> Iterator[Receipt]:
    from distributed import KilledWorker, as_completed

    futures = client.map(work, tasks, pure=False)
    try:
        for future in as_completed(futures):
            yield future.result()
            future.release()
    except KilledWorker as error:
        raise RunError(
            f"a shard killed every worker that tried it ({error}), most often for lack of memory: "
            "use fewer workers or smaller shards"
        ) from error
    finally:
        client.cancel(futures)
