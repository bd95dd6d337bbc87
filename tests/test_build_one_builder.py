"""Two builders in one project's folder: one waits for the other and says so; what they publish is never a mix."""

import io
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from pipeline.build.failures import Failure, read_failures, write_failures
from pipeline.build.one_builder import one_builder
from pipeline.files import replaced_folder, write_whole
from pipeline.paths import Paths

PATIENCE_SECONDS = 60


class Listener(io.StringIO):
    """A stderr that tells when something was said."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def test_the_second_says_that_it_waits_and_goes_on_after_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, entered, stderr = Paths(tmp_path, "demo"), Event(), Listener()
    monkeypatch.setattr(sys, "stderr", stderr)

    def second() -> None:
        with one_builder(paths, "train"):
            entered.set()

    with one_builder(paths, "train"):
        thread = Thread(target=second)
        thread.start()
        assert stderr.written.wait(PATIENCE_SECONDS)
        assert not entered.is_set()
        others = (
            one_builder(Paths(tmp_path, "other"), "train"),
            one_builder(Paths(tmp_path, "demo", "epam-4"), "train"),
        )
        with one_builder(paths, "pretrain"), others[0], others[1]:
            pass  # other stages, other datasets and tables are free
    thread.join(PATIENCE_SECONDS)
    assert entered.is_set()
    assert stderr.getvalue() == (f"train: another run of it is at work in {tmp_path}: waiting for its end\n")


def test_a_folder_is_replaced_by_one_at_a_time(tmp_path: Path) -> None:
    """Each writes two files that must be of one kind; the second may begin only when the first is through."""
    folder, inside = tmp_path / "weights" / "backbones", Event()

    def write(what: str) -> None:
        with replaced_folder(folder) as place:
            inside.set()
            for name in ("one", "two"):
                (place / name).write_text(what)

    second = Thread(target=write, args=("second",))
    with replaced_folder(folder) as place:
        (place / "one").write_text("first")
        second.start()
        assert not inside.is_set()
        (place / "two").write_text("first")
    second.join(PATIENCE_SECONDS)
    assert {name: (folder / name).read_text() for name in ("one", "two")} == {
        "one": "second",
        "two": "second",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["backbones"]


def test_what_a_killed_builder_left_is_swept_and_an_error_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "backbones"
    (tmp_path / "backbones.partial").mkdir()
    (tmp_path / "backbones.partial" / "of the dead").touch()
    with replaced_folder(folder) as place:
        (place / "one").touch()
    assert sorted(path.name for path in folder.iterdir()) == ["one", "seals.json"]
    with pytest.raises(FileNotFoundError), replaced_folder(folder) as place:
        (place / "no such folder" / "two").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["backbones", "one", "seals.json"]


def test_two_stages_write_their_failures_and_neither_loses_the_others(tmp_path: Path) -> None:
    path = tmp_path / "data" / "failures.jsonl"
    stages = [f"stage{number}" for number in range(8)]
    threads = [
        Thread(target=write_failures, args=(path, stage, [Failure("clip", stage, "VideoError", "bad")]))
        for stage in stages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert [failure.stage for failure in read_failures(path)] == stages
    write_whole(path, "")
    assert [entry.name for entry in path.parent.iterdir()] == ["failures.jsonl"]
