"""merge: the union of two labs' rows, nothing computed; every conflict refused by name."""

from pathlib import Path

import numpy as np
import pytest
from cache_small import SPEC, Computer, bytes_of, content
from test_cache_diff import Shifted, made

from cache import MergeError, Row, StoreError, StoreSpec, open_store
from cache.exchange.diff import diff_stores
from cache.exchange.merge import merge_stores
from cache.upkeep.verify import verify_store


def rows_of(*numbers: int, version: int = 1, source: str = "clip") -> list[Row]:
    """Rows r000, r001, …, documented as steps do: what is each row's own stands in `inputs`."""
    return [
        Row(
            f"r{number:03d}",
            {
                array.name: {"step": "test", "version": version, "inputs": {"video": f"{source} {number}"}}
                for array in SPEC.arrays
            },
        )
        for number in numbers
    ]


def left_only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("out"))


def test_two_halves_are_what_one_lab_would_have_made(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(8)))
    b = made(tmp_path / "b", rows_of(*range(6, 14)))
    whole = made(tmp_path / "whole", rows_of(*range(14)))
    done = merge_stores([a, b], tmp_path / "out.zarr")
    assert diff_stores(whole, tmp_path / "out.zarr").agrees
    assert verify_store(tmp_path / "out.zarr").faults == ()
    assert bytes_of(tmp_path / "out.zarr") == bytes_of(whole)  # a's rows come first here, and sorted
    assert (done.rows, done.total, done.linked, done.written) == ((8, 8), 14, 6, 6)
    assert str(done) == f"{tmp_path / 'out.zarr'}: 14 rows from 8 + 8; 6 shards linked, 6 put together"
    assert left_only(tmp_path) == ["out.zarr"]
    kept = (tmp_path / "out.zarr" / "features" / "c.1.0").stat().st_ino
    assert kept == (a / "features" / "c.1.0").stat().st_ino


def test_a_merge_killed_at_its_very_end_can_be_run_again(tmp_path: Path) -> None:
    """The store stood in its place already; another store there is still nobody's to replace."""
    a, b = made(tmp_path / "a", rows_of(*range(4))), made(tmp_path / "b", rows_of(*range(4, 6)))
    merge_stores([a, b], tmp_path / "out.zarr")
    before = bytes_of(tmp_path / "out.zarr")
    (tmp_path / "out.zarr.merging").mkdir()
    assert merge_stores([a, b], tmp_path / "out.zarr").total == 6
    assert bytes_of(tmp_path / "out.zarr") == before
    (tmp_path / "out.zarr.merging").mkdir()
    with pytest.raises(StoreError, match="is there already"):
        merge_stores([a, made(tmp_path / "c", rows_of(7, 8))], tmp_path / "out.zarr")


def test_what_a_killed_merge_left_is_swept_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "out.zarr.merging" / "shards" / "00"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half a shard")
    merge_stores([made(tmp_path / "a", rows_of(1)), made(tmp_path / "b", rows_of(2))], tmp_path / "out.zarr")
    assert left_only(tmp_path) == ["out.zarr"]


def test_stores_of_other_arrays_are_told_apart_by_their_arrays(tmp_path: Path) -> None:
    stores = []
    for number in range(2):
        arrays = SPEC.arrays[number : number + 1]
        row = Row("r001", {array.name: {"step": "test", "inputs": {}} for array in arrays})
        stores.append(made(tmp_path / str(number), [row], spec=StoreSpec(arrays, 4, "clip")))
    with pytest.raises(MergeError, match=r"hold other arrays: \[features\] and \[frames\]"):
        merge_stores(stores, tmp_path / "out.zarr")
    assert left_only(tmp_path) == []


def test_the_first_ones_rows_keep_their_places(tmp_path: Path) -> None:
    """a holds r010 to r017 less r012; b's rows fill the hole, then follow, sorted."""
    made(tmp_path / "a", rows_of(*range(10, 18)))
    a = made(tmp_path / "a", rows_of(10, 11, 13, 14, 15, 16, 17))
    b = made(tmp_path / "b", rows_of(3, 1, 2))
    merge_stores([a, b], tmp_path / "out.zarr")
    assert open_store(tmp_path / "out.zarr").ids == (
        "r010", "r011", "r001", "r013", "r014", "r015", "r016", "r017", "r002", "r003",
    )  # fmt: skip
    found = open_store(tmp_path / "out.zarr")
    np.testing.assert_array_equal(found.read("features", ["r002"])[0], content("r002")["features"])
    assert found.coord("label").tolist() == [10, 11, 1, 13, 14, 15, 16, 17, 2, 3]


def test_three_stores_and_failures(tmp_path: Path) -> None:
    stores = [
        made(tmp_path / name, rows_of(*numbers), Computer(bad=frozenset({"r003"})), lost=[{"id": lost}])
        for name, numbers, lost in (("a", (0, 1), "x"), ("b", (2, 3), "y"), ("c", (3, 4), "x"))
    ]
    merge_stores(stores, tmp_path / "out.zarr")
    found = open_store(tmp_path / "out.zarr")
    assert found.ids == ("r000", "r001", "r002", "r003", "r004")
    assert [failure["id"] for failure in found.failures] == ["r003"]
    assert found.attrs == {"title": "small", "lost": [{"id": "x"}, {"id": "y"}]}


def test_rows_made_of_other_sources_are_refused_by_name(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(4)))
    b = made(tmp_path / "b", rows_of(*range(2, 6), source="other"))
    with pytest.raises(MergeError) as caught:
        merge_stores([a, b], tmp_path / "out.zarr")
    assert "other sources: features: inputs.video clip 2 → other 2 (2 rows: r002, r003)" in str(caught.value)
    assert left_only(tmp_path) == []


def test_other_content_of_one_key_is_refused_by_name(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(4)))
    b = made(tmp_path / "b", rows_of(*range(2, 6)), Shifted({"r003": 0.125, "r005": 1.0}))
    with pytest.raises(MergeError) as caught:
        merge_stores([a, b], tmp_path / "out.zarr")
    assert str(caught.value).splitlines()[1:] == [
        "  made of the same, other content: features: 1 of 2 rows made of the same differ, by 0.125 at most: r003"
    ]
    assert left_only(tmp_path) == []


def test_other_recipes_specs_labels_and_cards_are_refused(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(0, 1))
    later = made(tmp_path / "b", rows_of(2, 3, version=2))
    with pytest.raises(MergeError, match="'count' was made by other recipes:\n  version 1 → 2"):
        merge_stores([a, later], tmp_path / "out.zarr")
    larger = StoreSpec(SPEC.arrays, rows_per_shard=8, row_dim="clip")
    with pytest.raises(MergeError, match=r"laid out differently:\n  count\.rows_per_shard 4 → 8"):
        merge_stores([a, made(tmp_path / "c", rows_of(2, 3), spec=larger)], tmp_path / "out.zarr")
    with pytest.raises(MergeError, match=r"coordinate label: r001"):
        merge_stores([a, made(tmp_path / "d", rows_of(1, 2), labels={"r001": 7})], tmp_path / "out.zarr")
    with pytest.raises(MergeError, match="cards differ:\n  licence nothing → none"):
        merge_stores([a, made(tmp_path / "e", rows_of(0, 1), licence="none")], tmp_path / "out.zarr")
    assert left_only(tmp_path) == []


def test_a_damaged_store_is_not_merged(tmp_path: Path) -> None:
    a, b = made(tmp_path / "a", rows_of(0, 1)), made(tmp_path / "b", rows_of(2, 3))
    shard = b / "frames" / "c.0.0.0"
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.unlink()
    shard.write_bytes(data)
    with pytest.raises(StoreError, match=r"frames/c\.0\.0\.0"):
        merge_stores([a, b], tmp_path / "out.zarr")
    assert left_only(tmp_path) == []


def test_what_is_there_stays_and_one_store_is_none(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(0, 1))
    with pytest.raises(StoreError, match="takes two stores"):
        merge_stores([a], tmp_path / "out.zarr")
    (tmp_path / "out.zarr").mkdir()
    with pytest.raises(StoreError, match="is there already"):
        merge_stores([a, a], tmp_path / "out.zarr")
