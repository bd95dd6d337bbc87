"""What Linux has and other systems lack is taken away: the suite's core must run without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from house import HOUSE
from tiny import Project, content

from cache.shards.sources import LocalFile
from pipeline.build.runner import RunOptions

MAC = '''
"""What Python on macOS and BSD lacks, or may lack; and processes are spawned."""
import ctypes, multiprocessing, os

for name in (
    "O_DIRECTORY", "copy_file_range", "eventfd", "memfd_create", "pidfd_open", "posix_fadvise", "posix_fallocate",
    "preadv", "pwritev", "sched_getaffinity", "sched_getscheduler", "sched_setaffinity", "sendfile", "splice",
):
    if hasattr(os, name):
        delattr(os, name)


class Library(ctypes.CDLL):
    """Without Linux's calls."""

    def __getattr__(self, name):
        if name in ("mallopt", "malloc_trim", "renameat2"):
            raise AttributeError(name)
        return super().__getattr__(name)


ctypes.CDLL = Library
multiprocessing.set_start_method("spawn", force=True)
'''


RUN = """
import os, sys
from pathlib import Path
from tiny import STAGES, Project

if __name__ == "__main__":  # spawned workers import this file
    assert not hasattr(os, "sched_getaffinity") and not hasattr(os, "preadv")
    project = Project(Path(sys.argv[1]))
    for stage in STAGES:
        print(project.run(stage, workers=2 if stage == "crop" else 1))
"""


def test_macos_every_stage_runs_without_what_only_linux_has(
    finished: Project, recordings: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(MAC)
    (tmp_path / "run.py").write_text(RUN)
    mac = Project.made(tmp_path / "mac", recordings)
    path = os.pathsep.join(map(str, (tmp_path / "site", HOUSE, HOUSE / "tests")))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(mac.root)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for store in ("skeletons", "samples", "frames", "maps"):
        assert content(mac.paths.store(store)) == content(finished.paths.store(store))


def test_cores_where_the_system_does_not_say_which_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert (RunOptions().cores, RunOptions(workers=2).threads) == (6, 3)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert RunOptions(workers=2).threads == 1


def test_several_buffers_are_filled_where_no_call_fills_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ten").write_bytes(b"0123456789")
    monkeypatch.delattr(os, "preadv")
    file, buffers = LocalFile(tmp_path / "ten"), [bytearray(3), bytearray(4), bytearray(5)]
    assert file.read_into(1, [memoryview(buffer) for buffer in buffers], 12) == 9
    assert b"".join(buffers) == b"123456789\0\0\0"
