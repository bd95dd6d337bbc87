"""However it runs, the same bytes: inline, in processes, on a dask cluster, killed and taken up again."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from dying import write_once_dead
from house import HOUSE
from tiny import Project, content

from cache import open_store
from pipeline.build import build
from pipeline.build.runner import Patience, RunOptions, _Watch, run_tasks
from pipeline.errors import RunError

PATIENCE_SECONDS = 120


def store(project: Project, name: str) -> dict[str, bytes]:
    return content(project.paths.store(name))


@pytest.fixture
def cold(finished: Project, tmp_path: Path) -> Project:
    """The finished project with its catalog, samples, skeletons and weights, but an empty cache."""
    mine = finished.copy(tmp_path / "cold")
    mine.forget_cache("frames", "features")
    return mine


def test_inline_order_and_errors() -> None:
    assert list(run_tasks(str, [1, 2, 3], RunOptions())) == ["1", "2", "3"]
    with pytest.raises(ZeroDivisionError):
        list(run_tasks(lambda x: 1 // x, [1, 0], RunOptions()))
    assert list(run_tasks(str, [], RunOptions(workers=2))) == []


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert [RunOptions(workers=n).threads for n in (1, 2, 3, 16)] == [8, 4, 2, 1]
    assert RunOptions(workers=4).cores == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [RunOptions(workers=n).threads for n in (1, 2, 4)] == [3, 3, 2]
    assert RunOptions().cores == 3


def test_two_workers_make_the_bytes_that_one_makes(finished: Project, cold: Project) -> None:
    with (
        socket.socket() as other
    ):  # another run's, or another program's: dask's own port is no need, and no warning
        with suppress(OSError):
            other.bind(("", 8787))
            other.listen()
        summary = cold.run("crop", workers=2)
    assert (summary.made, summary.failed) == (58, 0)
    assert store(cold, "frames") == store(finished, "frames")


def heard(level: int) -> None:
    """What dask's worker says when the scheduler closes between a heartbeat and its answer, level 40, or at another."""
    logging.getLogger("distributed.worker").log(level, "heartbeat %d", level)


def test_what_dasks_own_workers_say_at_their_end_is_no_news(capfd: pytest.CaptureFixture[str]) -> None:
    list(run_tasks(heard, [logging.ERROR, logging.CRITICAL], RunOptions(workers=2)))
    said = capfd.readouterr().err
    assert "heartbeat 50" in said
    assert "heartbeat 40" not in said


@contextmanager
def process(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """One of dask's programs, able to import the house and the tests; ended with the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE), str(HOUSE / "tests")])}
    running = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def until(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `dask scheduler` with two `dask worker`, started by hand as on a cluster."""
    folder = tmp_path_factory.mktemp("dask")
    scheduler_file = folder / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    with ExitStack() as stack:
        stack.enter_context(
            process(
                "distributed.cli.dask_scheduler",
                *local,
                "--port",
                "0",
                "--scheduler-file",
                str(scheduler_file),
            )
        )
        until(lambda: scheduler_file.exists() and bool(scheduler_file.read_text()), "the scheduler")
        address = json.loads(scheduler_file.read_text())["address"]
        worker = ("distributed.cli.dask_worker", address, *local, "--nthreads", "1", "--memory-limit", "0")
        for number in range(2):
            stack.enter_context(process(*worker, "--local-directory", str(folder / f"worker-{number}")))
        yield address


def test_a_cluster_makes_the_same_bytes(finished: Project, cold: Project, scheduler: str) -> None:
    """Floats are equal bit by bit for equal thread counts only: conftest sets one."""
    assert cold.run("crop", scheduler=scheduler).made == 58
    assert store(cold, "frames") == store(finished, "frames")
    assert cold.run("features", scheduler=scheduler).made == 58
    assert store(cold, "features") == store(finished, "features")


def test_a_worker_killed_costs_its_shard_not_the_run(
    finished: Project, cold: Project, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "write", write_once_dead)
    summary = cold.run("crop", scheduler=scheduler)
    assert (cold.root / ".harcache" / "died").exists()
    assert (summary.made, summary.failed) == (58, 0)
    assert store(cold, "frames") == store(finished, "frames")


def test_a_scheduler_that_is_not_there() -> None:
    with pytest.raises(RunError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(run_tasks(str, [1], RunOptions(scheduler="tcp://127.0.0.1:9")))


SOON = Patience(warn_after_seconds=0.01, give_up_after_seconds=0.05)


@contextmanager
def lone_scheduler(folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process of a scheduler without any worker."""
    scheduler_file = folder / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard", "--port", "0", "--scheduler-file", str(scheduler_file))
    with process("distributed.cli.dask_scheduler", *local) as running:
        until(lambda: scheduler_file.exists() and bool(scheduler_file.read_text()), "the scheduler")
        yield json.loads(scheduler_file.read_text())["address"], running.pid


def test_a_scheduler_without_workers_is_said_and_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lone_scheduler(tmp_path) as (address, _):
        options = RunOptions(scheduler=address, patience=SOON)
        with pytest.raises(
            RunError, match=rf"given up after 0 s: .*{address} has no worker.*goes on from them"
        ):
            list(run_tasks(str, [1], options))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"waiting, 0 s at most (HARCACHE_PATIENCE): the dask scheduler at {address} has no worker; "
        f"start some that have room for a shard: `dask worker {address} --memory-limit 0`"
    ]


def test_a_scheduler_that_dies_is_told(tmp_path: Path) -> None:
    """Its only task kills it."""
    with lone_scheduler(tmp_path) as (address, pid):
        worker = ("distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--no-dashboard")
        room = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(tmp_path / "worker"))
        with process(*worker, *room):
            options = RunOptions(scheduler=address)
            with pytest.raises(
                RunError, match=rf"the dask scheduler at {address} is gone.*run the same command"
            ):
                list(run_tasks(partial(os.kill, pid), [signal.SIGKILL], options))


def test_patience_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RunOptions().patience.give_up_after_seconds == 300
    monkeypatch.setenv("HARCACHE_PATIENCE", "7")
    assert RunOptions().patience == Patience(give_up_after_seconds=7)
    monkeypatch.setenv("HARCACHE_PATIENCE", "long")
    with pytest.raises(RunError, match="HARCACHE_PATIENCE must be a whole number of seconds, got 'long'"):
        RunOptions()


class Paused:
    """A client of a cluster whose workers' states are made up: one list a look."""

    def __init__(self, *looks: list[str]) -> None:
        self.looks = iter(looks)
        self.scheduler = SimpleNamespace(address="tcp://here:1")

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        states = next(self.looks)
        assert n_workers == -1  # all of them
        return {"workers": {str(n): {"status": s, "memory_limit": 3 * 10**8} for n, s in enumerate(states)}}


def test_workers_paused_for_memory_are_said_once_and_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    """One that works in between begins the count anew, however long its shard takes."""
    looks = [["paused"], ["paused"], ["running", "paused"], ["paused"], ["paused"], ["paused", "paused"]]
    watch = _Watch(Paused(*looks), Patience(warn_after_seconds=0.01, give_up_after_seconds=0.03))
    with pytest.raises(RunError, match=r"none of the 2 workers at tcp://here:1 takes work, they are paused"):
        watch.next_of(SimpleQueue())
    assert len(capsys.readouterr().err.splitlines()) == 2


def paused(address: str) -> bool:
    """Whether the scheduler at this address knows a worker, and that it takes no task."""
    from distributed import Client

    with Client(address, timeout="30s") as client:
        return [w["status"] for w in client.scheduler_info(n_workers=-1)["workers"].values()] == ["paused"]


def test_a_worker_that_is_paused_for_memory_is_said_given_up_and_the_run_goes_on_elsewhere(
    finished: Project, cold: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real one: Python alone needs more than its limit, so dask pauses it before the first shard."""
    with lone_scheduler(tmp_path) as (address, _):
        worker = (
            "distributed.cli.dask_worker",
            address,
            "--host",
            "127.0.0.1",
            "--no-dashboard",
            "--no-nanny",
        )
        room = ("--nthreads", "1", "--local-directory", str(tmp_path / "worker"), "--memory-limit")
        with process(*worker, *room, "40MB"):
            until(partial(paused, address), "the pause")
            with pytest.raises(RunError, match=r"given up after 1 s: none of the 1 workers .* are paused"):
                cold.run("crop", scheduler=address, patience=Patience(0.5, 1.0))
        assert "takes work, they are paused (memory limit 40 MB)" in capsys.readouterr().err
        with process(*worker, *room, "0"):
            assert cold.run("crop", scheduler=address).made == 58
    assert store(cold, "frames") == store(finished, "frames")


def test_crop_killed_midway_goes_on_from_the_last_whole_shard(finished: Project, cold: Project) -> None:
    """SIGKILL once two of four blocks are recorded and a third is begun."""
    shards = cold.root / ".harcache" / "shards"
    command = [sys.executable, str(HOUSE / "tests" / "dying.py"), "crop", "demo"]
    environment = {**cold.environment, "PYTHONPATH": str(HOUSE)}
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def midway() -> bool:
        assert running.poll() is None
        return len(list(shards.rglob("*.json"))) == 4 and len(list(shards.rglob("*.tmp"))) == 2

    until(midway, "the third block")
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not cold.paths.store("frames").exists()

    again = cold.cli("crop", "demo")
    assert again.returncode == 0, again.stderr
    made, cached = 58 - 32, 32
    assert f"crop: {made} clips made, {cached} from cache, 0 failed" in again.stdout
    assert store(cold, "frames") == store(finished, "frames")
    assert not list(shards.rglob("*.tmp"))
    assert len(open_store(cold.paths.store("frames")).ids) == 58
