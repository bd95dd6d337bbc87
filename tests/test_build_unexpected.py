"""What one clip raises is that clip's failure; an error that nobody foresaw is in no cache, and tried again."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny import Project

from cache import RowFailure, StoreError, open_store
from pipeline.build.failures import read_failures
from pipeline.build.unexpected import Unexpected
from pipeline.build.work import ClipArrays, one_by_one, together
from pipeline.errors import DatasetError, VideoError
from pipeline.video.video import AvVideo


def test_each_clip_bears_its_own_error() -> None:
    def make(clip_id: str, _: frozenset[str]) -> ClipArrays:
        if clip_id == "cut":
            raise VideoError("too short")
        if clip_id == "odd":
            raise KeyError("no such thing")
        return {"x": np.zeros(1)}

    found = dict(one_by_one(make, ["cut", "odd", "fine"], frozenset()))
    assert found["cut"] == RowFailure("VideoError", "too short")
    odd = found["odd"]
    assert isinstance(odd, Unexpected)
    assert (odd.error, odd.message) == ("KeyError", "'no such thing'")
    assert 'raise KeyError("no such thing")' in odd.trace
    assert isinstance(found["fine"], dict)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(28, "no room"),
        DatasetError("recordings gone"),
        StoreError("bad"),
        KeyboardInterrupt(),
    ],
)
def test_what_says_that_the_machine_failed_stops_the_stage(error: BaseException) -> None:
    def make(_: str, __: frozenset[str]) -> ClipArrays:
        raise error

    with pytest.raises(type(error)):
        list(one_by_one(make, ["any"], frozenset()))


def test_in_a_batch_too_the_error_is_borne_by_the_clip_it_is_of() -> None:
    batches: list[list[str]] = []

    def make(ids: list[str]) -> dict[str, ClipArrays]:
        batches.append(ids)
        if "odd" in ids:
            raise ValueError("odd")
        return {clip_id: {"x": np.full(1, ord(clip_id[0]))} for clip_id in ids}

    found = dict(together(make, ["a", "odd", "b"]))
    assert list(found) == ["a", "odd", "b"]
    assert isinstance(found["odd"], Unexpected)
    assert [found[name]["x"].item() for name in ("a", "b")] == [97, 98]  # type: ignore[index, union-attr]
    assert batches == [["a", "odd", "b"], ["a"], ["odd"], ["b"]]
    with pytest.raises(ValueError, match="odd"):
        list(together(make, ["a", "odd"], stops=(ValueError,)))


@pytest.fixture
def spoilt(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, str]:
    """The finished project without its crops, and the clip of which decoding fails as nobody foresaw."""
    project = finished.copy(tmp_path / "spoilt")
    project.forget_cache("frames")
    ids = sorted(open_store(finished.paths.store("frames")).ids)
    clip_id, pictures = ids[len(ids) // 2], AvVideo.pictures

    def failing(video: AvVideo, wanted: Sequence[int]) -> object:
        if clip_id in video.path.name:
            raise UnicodeDecodeError("utf-8", b"\xdf", 0, 1, "invalid start byte")
        return pictures(video, wanted)

    monkeypatch.setattr(AvVideo, "pictures", failing)
    return project, clip_id


def test_it_costs_its_clip_this_time_only(
    finished: Project,
    spoilt: tuple[Project, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, clip_id = spoilt
    whole = open_store(finished.paths.store("frames"))
    with caplog.at_level(logging.ERROR):
        summary = project.run("crop")
    assert (summary.unexpected, summary.made) == (1, len(whole.ids) - 1)
    assert "1 unexpectedly" in str(summary)
    output = caplog.text
    assert f"clip {clip_id}" in output
    assert output.count("Traceback") == 1
    failure = next(
        f for f in read_failures(project.paths.failures) if f.clip_id == clip_id and f.stage == "crop"
    )
    assert failure.error == "UnicodeDecodeError"
    store = open_store(project.paths.store("frames"))
    assert set(whole.ids) - set(store.ids) == {clip_id}
    assert not store.failures  # nothing of it is recorded

    monkeypatch.undo()
    again = project.run("crop")
    assert (again.made, again.unexpected) == (1, 0)
    mended = open_store(project.paths.store("frames"))
    assert set(mended.ids) == set(whole.ids)
    np.testing.assert_array_equal(mended.read("r4", list(whole.ids)), whole.read("r4", list(whole.ids)))
