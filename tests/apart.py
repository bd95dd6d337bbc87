"""Workers that share no disk with the client: their own folders, and a read-only nothing where the client's lies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from buckets import BUCKET, Bucket
from house import HOUSE

from cache.remote.objects import Objects
from pipeline.remote import worker
from pipeline.remote.blocks import SentBlock, SentStage

PATIENCE_SECONDS = 120
HIDING = 'for folder in $HIDDEN; do mount -t tmpfs -o ro none "$folder" || exit 1; done; exec "$@"'


def settings(there: Bucket) -> dict[str, str]:
    """The AWS variables by which a process reaches the bucket."""
    return {
        "AWS_ACCESS_KEY_ID": there.options["key"],
        "AWS_SECRET_ACCESS_KEY": there.options["secret"],
        "AWS_ENDPOINT_URL": there.options["endpoint_url"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def use(there: Bucket, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process, the client, reach the bucket, and name the remote cache in it."""
    for name, value in settings(there).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HARCACHE_REMOTE", f"s3://{BUCKET}/{prefix}")


def _can_hide() -> bool:
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


def until(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


@contextmanager
def process(folder: Path, environment: dict[str, str], *words: str) -> Iterator[None]:
    """One of dask's programs in a folder of its own; ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("w") as log:
        running = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@contextmanager
def cluster(folder: Path, there: Bucket, hidden: Sequence[Path], workers: int = 2) -> Iterator[str]:
    """The address of a scheduler, whose workers see none of `hidden` and know no project."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("HARCACHE", "AWS"))}
    plain |= {
        "PYTHONPATH": os.pathsep.join([str(HOUSE), str(HOUSE / "tests")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    where = folder / "scheduler" / "address.json"
    python = (sys.executable, "-m")
    local = ("--host", "127.0.0.1", "--no-dashboard")
    hide = ("unshare", "-m", "sh", "-c", HIDING, "sh") if _can_hide() else ()
    with ExitStack() as stack:
        start = (
            *python,
            "distributed.cli.dask_scheduler",
            *local,
            "--port",
            "0",
            "--scheduler-file",
            str(where),
        )
        stack.enter_context(process(folder / "scheduler", plain, *start))
        until(lambda: where.exists() and bool(where.read_text()), "the scheduler")
        address = json.loads(where.read_text())["address"]
        work = (*hide, *python, "distributed.cli.dask_worker", address, *local, "--no-nanny")
        for number in range(workers):
            own = folder / f"worker-{number}"
            environment = {
                **plain, **settings(there), "HARCACHE_DIR": str(own / "cache"),
                "HARCACHE_PROJECT": str(folder / "no-project"), "HIDDEN": " ".join(map(str, hidden)),
            }  # fmt: skip
            alone = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(own / "dask"))
            stack.enter_context(process(own, environment, *work, *alone))
        yield address


def die_once_midway(stage: SentStage, block: SentBlock) -> Any:
    """Die as by SIGKILL, once among all workers, when one shard of a block is sent and the other is not."""
    sent: list[str] = []
    original = worker.send_shard

    def dying(cache: Any, key: str, *rest: Any) -> None:
        if sent and Objects(stage.remote).create("died", sent[0].encode()):
            os.kill(os.getpid(), signal.SIGKILL)
        original(cache, key, *rest)
        sent.append(key)

    worker.send_shard = dying
    try:
        return worker.write_remotely(stage, block)
    finally:
        worker.send_shard = original
