import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cache_small import SPEC, Computer, build, bytes_of, rows_of

from cache import Build, Cache, SpaceError, write_block
from cache.locks import locked, try_locked

HERE = Path(__file__).parent


def builder(folder: Path, name: str, slow: float) -> subprocess.Popen:
    """A process that builds ten rows into `folder/name`, logging each row that it computes."""
    command = [sys.executable, str(HERE / "cache_small.py"), str(folder / "cache"), str(folder / name)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    return subprocess.Popen([*command, str(folder / f"{name}.log"), str(slow)], env=environment)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_killed_in_a_block_then_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    process = builder(tmp_path, "killed", 0.05)
    deadline = time.monotonic() + 30
    while len(lines(tmp_path / "killed.log")) < 7 and time.monotonic() < deadline:  # block 1 is rows 4 to 7
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    assert list((tmp_path / "cache").rglob("*.tmp"))

    compute, _ = build(Cache(tmp_path / "cache"), tmp_path / "killed", rows_of(*range(10)))
    assert compute.asked == [f"r{n:03d}" for n in range(4, 10)]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix in (".tmp", ".lock")]
    build(Cache(tmp_path / "other"), tmp_path / "undisturbed", rows_of(*range(10)))
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "undisturbed")


def test_two_builders_at_once_compute_each_row_once(tmp_path: Path) -> None:
    builders = [builder(tmp_path, name, 0.02) for name in ("one", "two")]
    assert [process.wait(timeout=60) for process in builders] == [0, 0]
    computed = lines(tmp_path / "one.log") + lines(tmp_path / "two.log")
    assert sorted(computed) == [f"r{n:03d}" for n in range(10)]
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


@pytest.mark.parametrize("calls_before", range(12))
def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls_before: int
) -> None:
    """The (n+1)th fsync finds the disk full: shards, documents, folders, records in turn."""
    cache = Cache(tmp_path / "cache")
    (task,) = Build(cache, "full", SPEC, rows_of(0, 1)).tasks
    left, fsync = [calls_before], os.fsync

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpaceError, match=r"No space left.*HARCACHE_DIR") as caught:
        write_block(cache.root, task, Computer())
    monkeypatch.undo()
    assert caught.value.filename.startswith(str(cache.root / "shards"))
    left_behind = [path for path in (cache.root / "shards").rglob("*") if path.is_file()]
    assert {path.suffix for path in left_behind} <= {"", ".documents", ".json"}
    assert all(path.with_suffix("").exists() for path in left_behind)  # a record implies a file
    build(cache, tmp_path / "out", rows_of(0, 1))
    build(Cache(tmp_path / "other"), tmp_path / "undisturbed", rows_of(0, 1))
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "undisturbed")


def test_a_file_size_limit_is_told_like_a_full_disk(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from cache_small import *; from cache import SpaceError\n"
        "cache = Cache(Path(sys.argv[1])); (task,) = Build(cache, 'x', SPEC, rows_of(0, 1)).tasks\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))\n"
        "try: write_block(cache.root, task, Computer())\n"
        "except SpaceError as error: print(error)\n"
        "print(sorted(path.name for path in (cache.root / 'shards').rglob('*') if path.is_file()))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "cache")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    message, left = ran.stdout.splitlines()
    assert "no room left" in message
    assert "HARCACHE_DIR" in message
    assert left == "[]"


def test_orphans_are_swept_unless_in_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1))
    keys = ["a" * 40, "b" * 40, "c" * 40]
    for key in keys:
        cache.shard(key).parent.mkdir(parents=True)
        cache.shard(key).write_bytes(b"orphan")
    cache.record(keys[1]).with_name(f"{keys[1]}.json.tmp").write_bytes(b"half a record")
    with locked(cache.lock(keys[2])):
        Build(cache, "other", SPEC, rows_of(0, 1))
        assert [cache.shard(key).exists() for key in keys] == [False, False, True]
    assert not list(cache.root.rglob("*.tmp"))


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), try_locked(tmp_path / "lock") as free:
        assert not free
    with try_locked(tmp_path / "lock") as free:
        assert free
    assert not (tmp_path / "lock").exists()
