from collections.abc import Callable
from pathlib import Path

import pytest

from cache import Blobs, Cache, SpecError

DOC = {"step": "pretrain", "seed": 0, "inputs": ["a", "b"]}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Cache(tmp_path / "cache").blobs


def test_what_was_put_is_found(blobs: Blobs) -> None:
    assert blobs.find(DOC) is None
    folder = blobs.put(DOC, {"weights.pt": b"w" * 1000, "curve.json": b"[]"}, {"device": "cpu"})
    assert blobs.find(dict(reversed(DOC.items()))) == folder
    assert (folder / "weights.pt").read_bytes() == b"w" * 1000
    assert blobs.find({**DOC, "seed": 1}) is None


def test_put_again_keeps_the_first(blobs: Blobs) -> None:
    folder = blobs.put(DOC, {"weights.pt": b"first"}, None)
    assert blobs.put(DOC, {"weights.pt": b"second"}, None) == folder
    assert (folder / "weights.pt").read_bytes() == b"first"


@pytest.mark.parametrize("name", ["weights.pt", "record.json"])
@pytest.mark.parametrize(
    "harm", [lambda p: p.write_bytes(p.read_bytes()[:-3] + b"xyz"), lambda p: p.unlink()]
)
def test_a_damaged_blob_is_set_aside_and_missing(
    blobs: Blobs, caplog: pytest.LogCaptureFixture, name: str, harm: Callable[[Path], object]
) -> None:
    folder = blobs.put(DOC, {"weights.pt": b"weights"}, {"seconds": 3})
    harm(folder / name)
    assert blobs.find(DOC) is None
    assert "set aside" in caplog.text
    assert (blobs.root / "damaged" / folder.name).is_dir()
    assert blobs.find(blobs_doc := DOC) is None
    assert blobs.put(blobs_doc, {"weights.pt": b"new"}, None) == blobs.find(DOC)


def test_the_work_folder_lasts_until_put(blobs: Blobs) -> None:
    work = blobs.workdir(DOC)
    (work / "epoch-3.pt").write_bytes(b"state")
    assert (blobs.workdir(DOC) / "epoch-3.pt").exists()
    blobs.put(DOC, {"weights.pt": b"w"}, None)
    assert not work.exists()


@pytest.mark.parametrize("name", ["", "record.json", "a/b", "../a", ".."])
def test_a_files_name_is_plain(blobs: Blobs, name: str) -> None:
    with pytest.raises(SpecError, match="plain name"):
        blobs.put(DOC, {name: b""}, None)
