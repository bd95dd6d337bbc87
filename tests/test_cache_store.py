import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from cache_small import FRAMES, SPEC, Computer, build, content, rows_of

from cache import (
    ArraySpec,
    Build,
    Cache,
    Row,
    SpecError,
    StoreError,
    StoreSpec,
    key_of,
    open_store,
    write_block,
)
from cache.shards.reading import ShardReader


@pytest.fixture
def store_with_one_hole(tmp_path: Path) -> Path:
    """Ten rows, r003 failed, then r005 removed: rows 0 to 9, row 5 a hole."""
    compute = Computer(frozenset({"r003"}))
    build(Cache(tmp_path / "cache"), tmp_path / "out", rows_of(*range(10)), compute)
    build(Cache(tmp_path / "cache"), tmp_path / "out", rows_of(0, 1, 2, 3, 4, 6, 7, 8, 9), compute)
    return tmp_path / "out"


def test_ids_rows_keys_and_coordinates(store_with_one_hole: Path) -> None:
    store = open_store(store_with_one_hole)
    assert store.ids == ("r000", "r001", "r002", "r003", "r004", "r006", "r007", "r008", "r009")
    assert store.row_of["r006"] == 6
    assert store.arrays == ("count", "features", "frames")
    assert store.attrs == {"title": "small"}
    assert store.key("count", "r006") == key_of({"step": "test", "array": "count", "input": 6, "version": 1})
    assert list(store.keys("frames")) == list(store.ids)
    np.testing.assert_array_equal(store.coord("label"), [0, 1, 2, 3, 4, 6, 7, 8, 9])


def test_reading_by_id_in_any_order(store_with_one_hole: Path) -> None:
    store = open_store(store_with_one_hole)
    ids = ["r009", "r000", "r009", "r006"]
    for array in SPEC.arrays:
        np.testing.assert_array_equal(store.read(array.name, ids), [content(i)[array.name] for i in ids])
    assert store.read("features").shape == (9, 5)
    np.testing.assert_array_equal(store.read_row("frames", "r007", 3, 8), content("r007")["frames"][3:8])
    np.testing.assert_array_equal(store.read_row("frames", "r007", 3), content("r007")["frames"][3:])
    assert store.read_row("count", "r008") == 8
    again = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(again.read("count", ids), [9, 0, 9, 6])
    store.close()
    np.testing.assert_array_equal(store.read("count", ids), [9, 0, 9, 6])


def test_xarray_and_zarr_see_the_same_without_warnings(store_with_one_hole: Path) -> None:
    store = open_store(store_with_one_hole)
    seen = xarray.open_zarr(store_with_one_hole, consolidated=True, chunks=None)
    assert dict(seen.sizes) == {
        "clip": 10,
        "channel": 5,
        "frame": 7,
        "x": 3,
        "byte": 4,
        "array": 3,
        "digest": 20,
    }
    assert set(seen.coords) == {"clip_id", "key", "label"}
    rows = list(store.row_of.values())
    group = zarr.open_group(store_with_one_hole, mode="r")
    for array in SPEC.arrays:
        assert seen[array.name].dims == ("clip", *array.dims)
        np.testing.assert_array_equal(seen[array.name].values[rows], store.read(array.name))
        np.testing.assert_array_equal(group[array.name][:][rows], store.read(array.name))
    assert bytes(seen.clip_id.values[6]) == b"r006"
    assert not seen.clip_id.values[5].any()
    assert np.isnan(seen.features.values[5]).all()
    assert seen.attrs["failures"][0]["id"] == "r003"
    assert seen.key.attrs["arrays"] == ["features", "frames", "count"]


def test_our_reader_reads_what_zarr_python_wrote(store_with_one_hole: Path, tmp_path: Path) -> None:
    expected = zarr.open_group(store_with_one_hole, mode="r")["frames"][:]
    shutil.copytree(store_with_one_hole, tmp_path / "copy")
    for shard in (tmp_path / "copy" / "frames").glob("c.*"):
        shard.unlink()
    zarr.open_group(tmp_path / "copy", mode="r+", use_consolidated=False)["frames"][:] = expected
    out = np.empty((4, 7, 3), np.uint8)
    ShardReader(tmp_path / "copy" / "frames" / "c.1.0.0", FRAMES, 4).read_into(out, range(4), range(4))
    np.testing.assert_array_equal(out, expected[4:8])


def test_words_become_bytes_and_come_back(tmp_path: Path) -> None:
    cache, spec = Cache(tmp_path / "cache"), StoreSpec((ArraySpec("a", "uint8", (), ()),), 4, "row")
    plan = Build(cache, "words", spec, [Row("x", {"a": 1}), Row("y", {"a": 2})])
    for task in plan.tasks:
        write_block(cache.root, task, lambda ids, _: ((i, {"a": np.uint8(1)}) for i in ids))
    plan.finish(tmp_path / "out", {"name": np.array([b"one", b"three"])}, {})
    np.testing.assert_array_equal(open_store(tmp_path / "out").coord("name"), np.array([b"one", b"three"]))
    for coords, message in (
        ({"name": np.array(["one", "two"])}, "encode words"),
        ({"name": np.arange(3)}, "2 rows"),
        ({"a": np.arange(2)}, "name two things"),
        ({"row_id": np.arange(2)}, "name two things"),
    ):
        with pytest.raises(SpecError, match=message):
            plan.finish(tmp_path / "other", coords, {})
    with pytest.raises(SpecError, match="store's own"):
        plan.finish(tmp_path / "other", {}, {"failures": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "out"]


def test_no_time_and_no_host_in_the_store(store_with_one_hole: Path) -> None:
    text = (store_with_one_hole / "zarr.json").read_text() + (
        store_with_one_hole / "manifest.json"
    ).read_text()
    for word in ("made_at", "host", "seconds"):
        assert word not in text


def _cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def _edit_manifest(path: Path) -> None:
    manifest = json.loads(path.read_bytes())
    manifest["files"]["count/c.0"]["size"] += 1
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("manifest.json", lambda path: path.unlink(), "never finished"),
        ("manifest.json", lambda path: path.write_bytes(path.read_bytes()[:-2]), "unreadable"),
        ("manifest.json", _edit_manifest, "own digest"),
        ("manifest.json", lambda path: path.write_text("{"), "unreadable"),
        ("features/c.1.0", lambda path: path.unlink(), "features/c.1.0 is missing"),
        (
            "frames/c.0.0.0",
            lambda path: (path.rename(f"{path}.x"), path.write_bytes(b"1")),
            "frames/c.0.0.0 holds 1 bytes",
        ),
        ("count/zarr.json", _cut, "count/zarr.json"),
        (
            "zarr.json",
            lambda path: path.write_text(path.read_text().replace("small", "Small")),
            "was changed",
        ),
    ],
)
def test_a_store_that_is_not_whole_does_not_open(
    store_with_one_hole: Path, name: str, harm: Callable[[Path], object], message: str
) -> None:
    harm(store_with_one_hole / name)
    with pytest.raises(StoreError, match=message) as caught:
        open_store(store_with_one_hole)
    assert "Fetch it again" in str(caught.value)


def test_what_a_store_does_not_hold(store_with_one_hole: Path) -> None:
    store = open_store(store_with_one_hole)
    for ask, message in (
        (lambda: store.read("colour"), "no array 'colour'; it has"),
        (lambda: store.read("count", ["r005"]), "no row 'r005'"),
        (lambda: store.key("count", "nobody"), "no row 'nobody'"),
        (lambda: store.coord("weight"), "no coordinate 'weight'"),
    ):
        with pytest.raises(StoreError, match=message):
            ask()
