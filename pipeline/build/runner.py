"""Runs tasks inline, in local processes, or on anyone's dask cluster, and hands their receipts back.

A task is one shard and returns a small receipt, never arrays. dask lives in this module only.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pipeline.errors import RunError

_AGAIN = "and run the same command again: whole shards stay, and it goes on from them"

Task = TypeVar("Task")
Receipt = TypeVar("Receipt")


@dataclass(frozen=True, slots=True)
class Patience:
    """With a cluster on which no worker can work: none there, or all of them paused for lack of memory."""

    warn_after_seconds: float = 5.0
    """Warn after so long, and then again each time the reason changes."""
    give_up_after_seconds: float = 300.0
    """Stop the run after so long without any worker; what is done stays."""

    @classmethod
    def from_env(cls) -> "Patience":
        """HARCACHE_PATIENCE gives the seconds after which to give up. Raises RunError where it is no number."""
        asked = os.environ.get("HARCACHE_PATIENCE", "")
        if asked and not asked.isdecimal():
            raise RunError(f"HARCACHE_PATIENCE must be a whole number of seconds, got {asked!r}")
        return cls(give_up_after_seconds=float(asked)) if asked else cls()


def devices_from_env() -> int:
    """HARCACHE_DEVICES gives the GPUs, or processes of a CPU, that train one backbone. Raises RunError."""
    asked = os.environ.get("HARCACHE_DEVICES", "") or "1"
    if not asked.isdecimal() or int(asked) < 1:
        raise RunError(f"HARCACHE_DEVICES must be a number of devices, 1 or more, got {asked!r}")
    return int(asked)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of the execution; none is in any key."""

    workers: int = 1
    """Processes on this machine; 1 runs inline, without dask."""
    scheduler: str | None = None
    """Address of a running dask scheduler, `tcp://host:port`; without `remote`, its workers share our file system."""
    remote: str = field(default_factory=lambda: os.environ.get("HARCACHE_REMOTE", ""))
    """Address of a cache in S3, s3://BUCKET/PREFIX, for a scheduler whose workers share no disk with us."""
    quiet: bool = False
    patience: Patience = field(default_factory=Patience.from_env)
    devices: int = field(default_factory=devices_from_env)
    """GPUs that train one backbone together, or processes where there is no GPU: the one option that moves weights, by
    rounding."""

    def inline(self, num_tasks: int) -> bool:
        """Whether so many tasks run in this very process: for one alone no workers are started."""
        return self.scheduler is None and min(self.workers, num_tasks) <= 1

    @property
    def is_remote(self) -> bool:
        """Whether blocks, their inputs and their shards go through the remote cache."""
        return self.scheduler is not None and bool(self.remote)

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

    A worker that dies costs its shard: dask gives it to another. Raises RunError where no worker is left or able
    to work for as long as `options.patience` says, or a scheduler does not answer, or goes; an error raised by
    `work` itself passes through.
    """
    if options.inline(len(tasks)) or not tasks:
        yield from map(work, tasks)
        return
    with ExitStack() as stack:
        client = stack.enter_context(_client(options, min(options.workers, len(tasks)), stack))
        yield from _on_dask(client, work, tasks, options.patience)


def _client(options: RunOptions, workers: int, stack: ExitStack) -> Any:
    import dask
    from distributed import Client, LocalCluster

    logging.getLogger("distributed.client").setLevel(
        logging.CRITICAL
    )  # what it would tell of, we say ourselves
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
                scheduler_kwargs={
                    "dashboard_address": "127.0.0.1:0"
                },  # else its health page wants port 8787 for itself
                memory_limit=None,  # the tasks' memory is flat; dask's estimate would pause workers for page cache
                silence_logs=logging.CRITICAL,  # workers trace heartbeats that the end cut short
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


def _on_dask(
    client: Any, work: Callable[[Task], Receipt], tasks: Sequence[Task], patience: Patience
) -> Iterator[Receipt]:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    futures = client.map(work, tasks, pure=False)
    finished: SimpleQueue[Any] = SimpleQueue()
    for future in futures:
        future.add_done_callback(finished.put)
    watch = _Watch(client, patience)
    try:
        for _ in tasks:
            future = watch.next_of(finished)
            yield future.result()
            future.release()
    except KilledWorker as error:
        raise RunError(
            f"a shard killed every worker that tried it ({error}), most often for lack of memory: "
            "use fewer workers or smaller shards"
        ) from error
    except FutureCancelledError as error:
        raise RunError(
            f"the dask scheduler at {watch.address} is gone, or cancelled the run: start it again, with workers, "
            f"{_AGAIN}"
        ) from error
    finally:
        if client.status == "running":
            client.cancel(futures)


class _Watch:
    """Waits for results, and looks after the workers where none comes."""

    def __init__(self, client: Any, patience: Patience) -> None:
        self.address = client.scheduler.address
        self._client = client
        self._patience = patience
        self._reported = ""

    def next_of(self, finished: "SimpleQueue[Any]") -> Any:
        """The next future that is done. Raises RunError where no worker could work for too long."""
        idle_seconds = 0.0
        while True:
            try:
                return finished.get(timeout=self._patience.warn_after_seconds)
            except Empty:
                why = self._why_idle()
            idle_seconds = idle_seconds + self._patience.warn_after_seconds if why else 0.0
            if idle_seconds >= self._patience.give_up_after_seconds:
                raise RunError(f"given up after {idle_seconds:.0f} s: {why}; {self._advice}, {_AGAIN}")
            if why and why != self._reported:
                limit = self._patience.give_up_after_seconds
                print(
                    f"waiting, {limit:.0f} s at most (HARCACHE_PATIENCE): {why}; {self._advice}",
                    file=sys.stderr,
                )
            self._reported = why

    def _why_idle(self) -> str:
        """Why nothing can come; "" where a worker is able to work, however long its shard takes."""
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except OSError as error:  # it is going: the futures say so next
            return f"the dask scheduler at {self.address} does not answer ({error})"
        if not workers:
            return f"the dask scheduler at {self.address} has no worker"
        states = sorted({str(worker["status"]) for worker in workers})
        if "running" in states:
            return ""
        limits = sorted({int(worker.get("memory_limit") or 0) // 10**6 for worker in workers})
        return (
            f"none of the {len(workers)} workers at {self.address} takes work, they are {' and '.join(states)} "
            f"(memory limit {' to '.join(map(str, dict.fromkeys((limits[0], limits[-1]))))} MB)"
        )

    @property
    def _advice(self) -> str:
        return f"start some that have room for a shard: `dask worker {self.address} --memory-limit 0`"
