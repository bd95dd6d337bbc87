"""Runs a stage in a forked process that writes down each row it computes, so that none is computed twice unseen.

Forked, since what takes a process seconds to import is then there at once: 200 kills cost their stages' time.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pipeline.build.build
from bench.project import STAGES, environment
from cache import Task
from pipeline.build.block import write
from pipeline.build.pinned import Pinned
from pipeline.build.runner import RunOptions
from pipeline.build.work import SourcedWork, Work
from pipeline.params.presets import load_preset
from pipeline.paths import Paths

LOG = "computed.jsonl"
ENDED = "ended.json"
STDERR = "stderr.txt"


@dataclass(frozen=True)
class Ended:
    """The end of a stage's process, from its log: seconds, clips made, epochs and rows."""

    seconds: float
    made: int | None
    """Clips or trainings; None where it was killed."""
    epochs: int
    """Epochs of backbones and heads that it said were done."""
    computed: tuple[tuple[str, tuple[str, ...]], ...]
    """(row, keys of the shards that it was computed for), in the order of computing."""


def load_stages() -> None:
    """Import what the stages need, before the first fork."""
    for stage in STAGES:
        import_module(f"stages.{stage}")


def forked(stage: str, paths: Paths, workers: int, *, kill_after: float | None = None) -> Ended:
    """Run a stage to its end, or kill it and its workers so many seconds after it began."""
    log = paths.root / LOG
    seen = len(_lines(log))
    (paths.root / ENDED).unlink(missing_ok=True)
    process = multiprocessing.get_context("fork").Process(target=logged_stage, args=(stage, paths, workers))
    began = time.monotonic()
    process.start()
    process.join(kill_after)
    if process.is_alive():
        assert process.pid is not None  # it was started
        _kill_group(process.pid)
        process.join()
    seconds = time.monotonic() - began
    stderr = (paths.root / STDERR).read_text()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{stage} ended with {process.exitcode}: {stderr[-2000:]}")
    made = json.loads((paths.root / ENDED).read_text())["made"] if process.exitcode == 0 else None
    rows = (json.loads(line) for line in _lines(log)[seen:])
    return Ended(seconds, made, stderr.count(": epoch "), tuple((row, tuple(keys)) for row, keys in rows))


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def _kill_group(pid: int) -> None:
    """The process and its workers; alone where it had no time to become a group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)


def logged_stage(stage: str, paths: Paths, workers: int, cache: Path | None = None) -> None:
    """Run a stage in this process, which becomes a group of its own; `cache`: a folder that others use too."""
    os.setsid()
    handle = os.open(paths.root / STDERR, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, sys.stdout.fileno())
    os.dup2(handle, sys.stderr.fileno())
    os.environ.update(environment(paths))
    if cache is not None:
        os.environ["HARCACHE_DIR"] = str(cache)
    run = import_module(f"stages.{stage}").run
    with patch.object(pipeline.build.build, "write", write_logged):
        summary = run(paths, load_preset(paths.params, "demo"), RunOptions(workers=workers))
    (paths.root / ENDED).write_text(json.dumps({"made": getattr(summary, "made", 0)}))


def write_logged(root: Path, work: Work, pinned: Pinned, tick: Any, task: Task) -> Any:
    """Do what `pipeline.build.block.write` does, and log a line for every row computed; workers import it by name."""
    keys = {shard.spec.name: shard.key for shard in task.shards}
    return write(root, _Logged(work, root.parent / LOG, keys), pinned, tick, task)


@dataclass(frozen=True)
class _Logged:
    """Work that writes down what it computed."""

    work: Work
    log: Path
    keys: dict[str, str]
    """Array to the key of its shard."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """The work's."""
        return self.work.made_with

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "_Logged":
        """The work, told what it must read where it asks for it."""
        work = self.work.named_by(inputs) if isinstance(self.work, SourcedWork) else self.work
        return replace(self, work=work)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[Any]:
        """The work's rows."""
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for made in self.work.compute(ids, arrays):
                line = json.dumps([made[0], sorted(self.keys[name] for name in arrays)])
                os.write(handle, f"{line}\n".encode())  # one write: whole, or not there
                yield made
        finally:
            os.close(handle)
