import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_small import SPEC, Computer, build, bytes_of, content, rows_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache import (
    ArraySpec,
    Build,
    BuildError,
    Cache,
    Compute,
    Row,
    SpecError,
    StoreSpec,
    open_store,
    write_block,
)
from cache.home.row_order import arranged


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_same_rows_same_bytes_in_another_cache(tmp_path: Path) -> None:
    build(Cache(tmp_path / "one"), tmp_path / "a", rows_of(*range(10)))
    build(Cache(tmp_path / "two"), tmp_path / "b", rows_of(*reversed(range(10))))
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_a_second_build_computes_nothing_and_gives_the_same_bytes(cache: Cache, tmp_path: Path) -> None:
    build(cache, tmp_path / "out", rows_of(*range(10)))
    before = bytes_of(tmp_path / "out")
    plan = Build(cache, "test/store", SPEC, rows_of(*range(10)))
    assert (plan.tasks, plan.rows_to_make, plan.rows_cached, plan.bytes_to_write) == ((), 0, 10, 0)
    plan.finish(tmp_path / "out", {"label": np.arange(10)}, {"title": "small"})
    assert bytes_of(tmp_path / "out") == before


def test_a_file_system_without_links_gets_copies(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    build(Cache(tmp_path / "other"), tmp_path / "linked", rows_of(*range(5)))
    monkeypatch.setattr(os, "link", refuse)
    build(cache, tmp_path / "out", rows_of(*range(5)))
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "linked")
    assert (tmp_path / "out" / "count" / "c.0").stat().st_nlink == 1


def test_shards_are_linked_not_copied(cache: Cache, tmp_path: Path) -> None:
    build(cache, tmp_path / "out", rows_of(*range(4)))
    shard = tmp_path / "out" / "count" / "c.0"
    assert shard.stat().st_nlink == 2
    assert shard.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize(
    ("numbers", "version", "computed"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], {4: 2}, ["r004"]),  # changed in place
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], {}, ["r010"]),  # after the end
        ([0, 1, 3, 4, 5, 6, 7, 8, 9], {}, []),  # a hole
        ([0, 1, 3, 4, 5, 6, 7, 8, 9, 50], {}, ["r050"]),  # into the hole
        ([100, *range(10)], {9: 5}, ["r009", "r100"]),
    ],
)
def test_only_what_changed_is_computed(
    cache: Cache, tmp_path: Path, numbers: list[int], version: dict[int, int], computed: list[str]
) -> None:
    build(cache, tmp_path / "out", rows_of(*range(10)))
    compute, _ = build(cache, tmp_path / "out", rows_of(*numbers, version=version))
    assert sorted(compute.asked) == computed
    store = open_store(tmp_path / "out")
    assert sorted(store.ids) == sorted(f"r{n:03d}" for n in numbers)
    for row_id in store.ids:
        for name in SPEC.arrays:
            np.testing.assert_array_equal(store.read_row(name.name, row_id), content(row_id)[name.name])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.integers(0, 14), min_size=1), min_size=2, max_size=4))
def test_any_history_computes_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, history: list[set[int]]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    cache, compute = Cache(folder / "cache"), Computer()
    for numbers in history:
        build(cache, folder / "out", rows_of(*sorted(numbers)), compute)
        store = open_store(folder / "out")
        np.testing.assert_array_equal(store.read("count"), [int(row_id[1:]) for row_id in store.ids])
        assert {int(row_id[1:]) for row_id in store.ids} == numbers
    assert sorted(compute.asked) == sorted(f"r{number:03d}" for number in set().union(*history))


@pytest.mark.parametrize(
    ("previous", "ids", "expected"),
    [
        (None, "cab", "abc"),
        ("abc", "acde", "adce"),
        ("abc", "b", "-b-"),
        ("abc", "abc", "abc"),
        ("abc", "cba", "abc"),
        ("a-c", "abcd", "abcd"),
        ("abcdefgh", "xbcdefg", "xbcdefg-"),
        ("gh-abcdef", "abcdefgh", "gh-abcdef"),
        ("abc", "", "---"),
    ],
)
def test_rows_keep_their_place(previous: str | None, ids: str, expected: str) -> None:
    order = None if previous is None else [None if row == "-" else row for row in previous]
    assert "".join("-" if place < 0 else ids[place] for place in arranged(order, [*ids])) == expected


def test_one_new_array_computes_only_that_array(cache: Cache, tmp_path: Path) -> None:
    rows = [Row(row.id, {"features": row.docs["features"]}) for row in rows_of(*range(4))]
    build(cache, tmp_path / "out", rows)
    compute, receipts = build(cache, tmp_path / "out", rows_of(*range(4)))
    assert compute.arrays == [frozenset({"frames", "count"})]
    assert receipts[0].made == 4


def test_another_shard_size_copies_every_row(cache: Cache, tmp_path: Path) -> None:
    build(cache, tmp_path / "out", rows_of(*range(10)))
    spec = StoreSpec(SPEC.arrays, 6, "clip")
    compute, receipts = build(cache, tmp_path / "other", rows_of(*range(10)), spec=spec)
    assert compute.asked == []
    assert sum(receipt.copied for receipt in receipts) == 10
    build(Cache(tmp_path / "fresh"), tmp_path / "undisturbed", rows_of(*range(10)), spec=spec)
    assert bytes_of(tmp_path / "other") == bytes_of(tmp_path / "undisturbed")


def test_failures_are_remembered_and_told(cache: Cache, tmp_path: Path) -> None:
    bad = frozenset({"r001", "r006"})
    _, receipts = build(cache, tmp_path / "out", rows_of(*range(8)), Computer(bad))
    assert [(r.made, r.failed) for r in receipts] == [(3, 1), (3, 1)]
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(9)), Computer(bad))
    assert compute.asked == ["r008"]
    store = open_store(tmp_path / "out")
    assert store.failures == (
        {"id": "r001", "error": "VideoError", "message": "r001 is bad"},
        {"id": "r006", "error": "VideoError", "message": "r006 is bad"},
    )
    assert np.isnan(store.read_row("features", "r001")).all()
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(9), version={6: 2}))
    assert compute.asked == ["r006"]
    assert [failure["id"] for failure in open_store(tmp_path / "out").failures] == ["r001"]


def test_rows_without_an_array_stay_fill(cache: Cache, tmp_path: Path) -> None:
    rows = [
        Row(r.id, {n: d for n, d in r.docs.items() if n != "features" or r.id > "r001"})
        for r in rows_of(0, 1, 2)
    ]
    build(cache, tmp_path / "out", rows)
    store = open_store(tmp_path / "out")
    assert np.isnan(store.read("features", ["r000", "r001"])).all()
    assert sorted(store.keys("features")) == ["r002"]
    assert sorted(store.keys("count")) == ["r000", "r001", "r002"]


def test_a_damaged_shard_is_made_again(cache: Cache, tmp_path: Path) -> None:
    build(cache, tmp_path / "out", rows_of(*range(4)))
    for shard in (path for path in (cache.root / "shards").rglob("*") if path.is_file() and not path.suffix):
        shard.chmod(0o644)
        data = bytearray(shard.read_bytes())
        data[0] ^= 1
        shard.write_bytes(data)
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(5)))
    assert compute.asked == ["r000", "r001", "r002", "r003", "r004"]
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(5), version={0: 2}))
    assert compute.asked == ["r000"]
    store = open_store(tmp_path / "out")
    np.testing.assert_array_equal(store.read("count"), range(5))


def test_the_index_is_rebuilt_from_the_records(cache: Cache, tmp_path: Path) -> None:
    build(cache, tmp_path / "out", rows_of(*range(5)))
    (index,) = (cache.root / "index").glob("*.sqlite")
    index.write_bytes(b"rubbish" * 1000)
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(6)))
    assert compute.asked == ["r005"]


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda *_: iter([]), "got nothing more"),
        (lambda ids, _: ((i, content(i)) for i in reversed(ids)), "expected 'r000', got 'r001'"),
        (lambda ids, _: ((i, content("r000")) for i in [*ids, "more"]), "'more' after the last id"),
        (
            lambda ids, _: ((i, {"count": np.int32(1)}) for i in ids),
            "'features' was wanted too|'frames' was wanted",
        ),
        (lambda ids, _: ((i, {**content(i), "count": np.int64(1)}) for i in ids), "expected int32"),
    ],
)
def test_a_compute_that_misbehaves_is_told(cache: Cache, compute: Compute, message: str) -> None:
    (task,) = Build(cache, "test/store", SPEC, rows_of(0, 1)).tasks
    with pytest.raises(BuildError, match=message):
        write_block(cache.root, task, compute)
    assert not [path for path in (cache.root / "shards").rglob("*") if path.is_file()]


def test_what_compute_raises_undoes_the_block_and_says_where(cache: Cache) -> None:
    def broken(ids: list[str], _: object) -> Iterator[tuple[str, Any]]:
        yield ids[0], content(ids[0])
        raise ZeroDivisionError("two")

    (task,) = Build(cache, "test/store", SPEC, rows_of(0, 1)).tasks
    with pytest.raises(ZeroDivisionError) as caught:
        write_block(cache.root, task, broken)
    assert "row 'r001', block 0" in caught.value.__notes__[0]
    assert not [path for path in (cache.root / "shards").rglob("*") if path.is_file()]


def test_finish_refuses_what_is_not_written(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="6 shards are not written"):
        Build(cache, "x", SPEC, rows_of(*range(8))).finish(tmp_path / "out", {}, {})
    assert not (tmp_path / "out").exists()


def test_rows_are_checked(cache: Cache) -> None:
    with pytest.raises(BuildError, match="two rows have the id"):
        Build(cache, "x", SPEC, rows_of(1, 1))
    with pytest.raises(BuildError, match="got none"):
        Build(cache, "x", SPEC, [])
    with pytest.raises(SpecError, match="ASCII"):
        Row("é", {})
    with pytest.raises(SpecError, match="words joined"):
        Build(cache, "../x", SPEC, rows_of(1))
    with pytest.raises(BuildError, match="documents"):
        Build(cache, "x", StoreSpec((ArraySpec("other", "uint8", (), ()),), 1, "row"), rows_of(1))


def test_an_order_that_stands_is_not_written_and_one_that_was_lost_is(cache: Cache, tmp_path: Path) -> None:
    rows, path = rows_of(*range(5)), cache.order("test/store")
    build(cache, tmp_path / "out", rows)
    data, inode = path.read_bytes(), path.stat().st_ino
    build(cache, tmp_path / "out", rows)
    assert path.stat().st_ino == inode
    plan = Build(cache, "test/store", SPEC, rows)
    path.write_bytes(b"another")
    plan.finish(tmp_path / "out", {}, {})
    assert path.read_bytes() == data
