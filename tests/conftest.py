"""What several test files stand on, made once: the small demo, and a project that ran every stage on it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import one_thread  # noqa: F401
import pytest
from memory_disk import memory_folder
from slow_first import place
from tiny import Project

from pipeline.demo import SMALL, make_demo


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
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small demo dataset: 30 training and 20 test clips, 13 spoilt ones. To read, not to change."""
    folder = tmp_path_factory.mktemp("recordings") / "demo"
    make_demo(folder, size=SMALL, quiet=True)
    return folder


@pytest.fixture(scope="session")
def finished(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which every stage ran once, inline. To read, not to change: `copied` gives one's own."""
    project = Project.made(tmp_path_factory.mktemp("finished"), recordings)
    project.run_all()
    return project


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
