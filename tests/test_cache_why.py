import itertools
from pathlib import Path

import pytest
from cache_small import Computer, build, rows_of

from cache import Cache
from cache.store.parts import read_parts
from cache.upkeep.adopt import adopt_store
from cache.upkeep.why import differences, entries, leaves, made_of, nearest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    build(Cache(tmp_path / "cache"), tmp_path / "out", rows_of(*range(6)), Computer(frozenset({"r003"})))
    return tmp_path / "out"


def test_what_a_row_was_made_of_by_whom_and_when(out: Path, tmp_path: Path) -> None:
    made = made_of(read_parts(out), "count", "r004", Cache(tmp_path / "cache"))
    assert made is not None
    assert made.doc == {"step": "test", "array": "count", "input": 4, "version": 1}
    text = "\n".join(made.lines({"test": "a named thing"}))
    for word in (
        f"count of r004: key {made.key}",
        "  input: 4",
        "step: test (a named thing)",
        "a shard of 2 rows in",
    ):
        assert word in text
    failed = made_of(read_parts(out), "count", "r003")
    assert failed is not None
    assert "  failed: VideoError: r003 is bad" in failed.lines()
    assert made_of(read_parts(out), "count", "nobody") is None


def test_a_store_explains_itself_where_its_cache_is_not(out: Path, tmp_path: Path) -> None:
    made = made_of(read_parts(out), "features", "r005", Cache(tmp_path / "another"))
    assert made is not None
    assert made.record is None
    assert made.doc == {"step": "test", "array": "features", "input": 5, "version": 1}
    adopt_store(out, Cache(tmp_path / "another"))
    made = made_of(read_parts(out), "features", "r005", Cache(tmp_path / "another"))
    assert made is not None
    assert "  made: elsewhere; adopted by " in "\n".join(made.lines())


def test_a_difference_is_told_leaf_by_leaf() -> None:
    before = {
        "params": {"size": 112, "box": {"rule": "square"}},
        "inputs": {"video": "a" * 64},
        "runtime": {"av": "14.0"},
    }
    now = {"params": {"size": 224, "box": {"rule": "square"}}, "inputs": {"video": "b" * 64}, "weights": {}}
    assert [str(difference) for difference in differences(before, now)] == [
        "params.size 112 → 224",
        "inputs.video aaaaaaaaaaaa… → bbbbbbbbbbbb…",
        "runtime.av 14.0 → nothing",
        "weights nothing → {}",
    ]
    assert differences(before, before) == []
    assert [d.place for d in differences({"a": 1}, {"a": True})] == ["a"]
    assert leaves([1, 2]) == [("$", [1, 2])]


def test_the_nearest_of_all_that_the_cache_holds(out: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, out, rows_of(*range(6), version={4: 7}))
    found = list(entries(cache, "count", "r004"))
    assert sorted(made.doc["version"] for made in found) == [1, 7]  # type: ignore[index, call-overload]
    wanted = {"step": "test", "array": "count", "input": 4, "version": 8}
    near, differing = nearest(iter(found), {**wanted, "version": 7}) or pytest.fail("nothing near")
    assert (near.doc, differing) == ({**wanted, "version": 7}, [])
    _, differing = nearest(iter(found), wanted) or pytest.fail("nothing near")
    assert [d.place for d in differing] == ["version"]
    assert nearest(itertools.chain(), wanted) is None
