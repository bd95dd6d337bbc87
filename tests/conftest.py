"""What several test files stand on, made once: the small demo, and a project that ran every stage on it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import one_thread  # noqa: F401
import pytest
from filelock import FileLock
from memory_disk import memory_folder
from slow_first import place
from tiny import Project

from pipeline.demo import SMALL, make_demo

os.fsync = lambda _: None
"""No test cuts the power, which is all that fsync is for; tests of a disk that fails count the calls above this."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first, each file's tests in its own order."""
    items.sort(key=lambda item: place(item.path))


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder in memory, gone after the test."""
    folder = memory_folder("test-")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder once for all processes of pytest-xdist; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                make(shared / name)
                (shared / f"{name}.made").touch()
        return shared / name

    return made


@pytest.fixture(scope="session")
def recordings(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The small demo dataset: 30 training and 20 test clips, 13 spoilt ones. To read, not to change."""
    return once("recordings", lambda folder: make_demo(folder, size=SMALL, quiet=True))


@pytest.fixture(scope="session")
def finished(recordings: Path, once: Callable[[str, Callable[[Path], object]], Path]) -> Project:
    """A project in which every stage ran once, inline. To read, not to change: `copied` gives one's own."""
    return Project(once("finished", lambda folder: Project.made(folder, recordings).run_all()))


@pytest.fixture
def copied(finished: Project, tmp_path: Path) -> Project:
    """The finished project again, cache and all, in a folder of this test's own."""
    return finished.copy(tmp_path / "copied")


@pytest.fixture
def project(recordings: Path, tmp_path: Path) -> Callable[..., Project]:
    """Makes projects with the recordings in place and nothing run; keywords are changed params."""

    def make(name: str = "project", **changes: Any) -> Project:
        return Project.made(tmp_path / name, recordings, **changes)

    return make
