"""A lab's shared cache below one's own: what it holds is taken, the rest is made at home, nothing is written there."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from cache_small import SPEC, Computer, content, rows_of

from cache import Build, Cache, Receipt, UnreachableError, open_store, take_blob, write_block
from cache.home.shared import SharedCache
from cache.home.withdrawn import note_withdrawal

DOC = {"step": "fit", "seed": 0}


def build(cache: Cache, out: Path, *numbers: int) -> tuple[Computer, list[Receipt], int]:
    """Plan, borrow, write every block, publish; gives the number of shards borrowed too."""
    compute, plan = Computer(), Build(cache, "test/store", SPEC, rows_of(*numbers))
    borrowed = plan.borrow()
    receipts = [write_block(cache.root, task, compute) for task in plan.tasks]
    plan.finish(out, {"label": np.array([int(row[1:]) for row in plan.ids])}, {"title": "small"})
    return compute, receipts, borrowed


def everything(folder: Path) -> dict[str, object]:
    """Every file's content, time and rights, and every folder's."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns, path.stat().st_mode
        )
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A shared cache with rows 0 to 7 in six shards, and one blob; nobody may write there."""
    cache = Cache(tmp_path / "lab")
    build(cache, tmp_path / "labs.zarr", *range(8))
    cache.blobs.put(DOC, {"weights.pt": b"learned"}, {"seconds": 1})
    for path in (cache.root, *cache.root.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return cache.root


@pytest.fixture
def own(tmp_path: Path, lab: Path) -> Cache:
    return Cache(tmp_path / "own", lab)


def test_hits_are_linked_and_nothing_is_computed(own: Cache, lab: Path, tmp_path: Path) -> None:
    before = everything(lab)
    compute, receipts, borrowed = build(own, tmp_path / "own.zarr", *range(8))
    assert (borrowed, compute.asked, receipts) == (6, [], [])
    assert everything(lab) == before
    shards = [path for path in (own.root / "shards").rglob("*") if path.is_file() and not path.suffix]
    assert len(shards) == 6
    assert all(path.samefile(lab / path.relative_to(own.root)) for path in shards)
    for file in ("features/c.0.0", "manifest.json", "zarr.json"):
        assert (tmp_path / "own.zarr" / file).read_bytes() == (tmp_path / "labs.zarr" / file).read_bytes()
    assert build(own, tmp_path / "own.zarr", *range(8))[2] == 0  # it is one's own now


def test_other_clips_take_the_rows_that_are_there(own: Cache, lab: Path, tmp_path: Path) -> None:
    """Rows 1 to 9 lie in other shards than 0 to 7: those are copied from, 8 and 9 are made at home."""
    before = everything(lab)
    compute, receipts, borrowed = build(own, tmp_path / "own.zarr", *range(1, 10))
    assert borrowed == 6
    assert compute.asked == ["r008", "r009"]
    assert sum(receipt.copied for receipt in receipts) == 7
    np.testing.assert_array_equal(
        open_store(tmp_path / "own.zarr").read("features"),
        [content(f"r{number:03d}")["features"] for number in range(1, 10)],
    )
    assert everything(lab) == before


def test_what_may_change_is_copied(own: Cache, lab: Path, tmp_path: Path) -> None:
    """A file that its owner may still write, or whose time is another: no link to it."""
    shards = sorted(path for path in (lab / "shards").rglob("*") if path.is_file() and not path.suffix)
    shards[0].chmod(0o644)
    taken = shards[1].stat()
    os.utime(shards[1], ns=(taken.st_atime_ns, taken.st_mtime_ns + 1))
    before = everything(lab)
    assert build(own, tmp_path / "own.zarr", *range(8))[2] == 6
    linked = [path.samefile(own.root / path.relative_to(lab)) for path in shards]
    assert linked == [False, False, True, True, True, True]
    assert {(own.root / path.relative_to(lab)).stat().st_mode & 0o777 for path in shards} == {0o444}
    assert build(own, tmp_path / "own.zarr", *range(8))[0].asked == []
    assert everything(lab) == before


@pytest.mark.parametrize("victim", ["shard", "record", "gone"])
def test_what_is_damaged_there_is_refused_and_made_at_home(
    own: Cache, lab: Path, tmp_path: Path, victim: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = Build(Cache(lab), "test/store", SPEC, rows_of(*range(8)))._shards["features"][0]
    path = SharedCache(lab).record(key) if victim == "record" else SharedCache(lab).shard(key)
    kept = path.stat()
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # as if nobody had touched it
    path.chmod(0o444)
    if victim == "gone":
        path.unlink()
    before = everything(lab)
    compute, _, borrowed = build(own, tmp_path / "own.zarr", *range(8))
    assert borrowed == 5
    assert compute.asked == ["r000", "r001", "r002", "r003"]
    assert ("left alone" in caplog.text) == (victim != "gone")
    np.testing.assert_array_equal(
        open_store(tmp_path / "own.zarr").read("features")[0], content("r000")["features"]
    )
    assert everything(lab) == before


def test_what_was_withdrawn_at_home_is_not_taken_back(own: Cache, lab: Path, tmp_path: Path) -> None:
    first = Build(Cache(lab), "test/store", SPEC, rows_of(*range(8)))
    key = first._shards["count"][1]
    digest = first._records[key].digest
    build(own, tmp_path / "own.zarr", 0)
    note_withdrawal(own, {key: [digest]})  # three shards are one's own by now, for row 0
    compute, _, borrowed = build(own, tmp_path / "own.zarr", *range(8))
    assert borrowed == 2
    assert compute.asked == ["r004", "r005", "r006", "r007"]
    assert compute.arrays[-1] == {"count"}


def test_a_blob_is_copied_and_a_damaged_one_is_not(
    own: Cache, lab: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = everything(lab)
    take_blob(own, {"step": "fit", "seed": 1})
    assert own.blobs.find({"step": "fit", "seed": 1}) is None
    take_blob(own, DOC)
    found = own.blobs.find(DOC)
    assert found is not None
    assert (found / "weights.pt").read_bytes() == b"learned"
    assert found.is_relative_to(own.root)
    assert everything(lab) == before
    shutil.rmtree(found)
    weights = SharedCache(lab).blobs.folder(found.name) / "weights.pt"
    weights.chmod(0o644)
    weights.write_bytes(b"Learned")
    take_blob(own, DOC)
    assert own.blobs.find(DOC) is None
    assert "it is damaged" in caplog.text


def test_from_the_environment_and_a_folder_that_is_not_there(
    tmp_path: Path, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARCACHE_DIR", raising=False)
    monkeypatch.setenv("HARCACHE_SHARED", str(lab))
    assert Cache.from_env(tmp_path / "own") == Cache(tmp_path / "own", lab)
    monkeypatch.setenv("HARCACHE_SHARED", str(tmp_path / "away"))
    plan = Build(Cache.from_env(tmp_path / "own"), "test/store", SPEC, rows_of(1))
    with pytest.raises(UnreachableError, match="where no cache is: mount it, or unset it"):
        plan.borrow()
    assert not (tmp_path / "away").exists()
