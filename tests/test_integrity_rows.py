"""Damage is not laundered: what is copied, linked or read into a result is held against its record first."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from cache_small import SPEC, Computer, build, bytes_of, content, rows_of

from cache import Build, Cache, CacheError, Store, open_store
from cache.build.row_source import RowSource, proven_copies
from cache.errors import BuildError, ShardError, StoreError
from cache.exchange.export import export_store
from cache.exchange.merge import merge_stores
from cache.home.index import Place
from cache.keys import key_of, sealed
from cache.reader import open as open_reader
from cache.shards.records import read_record, read_record_document
from cache.upkeep.adopt import adopt_store
from cache.upkeep.verify_cache import verify_cache

ROWS = range(8)
"""Two blocks of four."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def store(cache: Cache, tmp_path: Path) -> Path:
    build(cache, tmp_path / "out", rows_of(*ROWS))
    return tmp_path / "out"


def exchange(one: Path, other: Path, *, times: bool = False) -> None:
    """Swap two files' contents in place; with `times`, as a tool does that sets them back."""
    assert one.stat().st_size == other.stat().st_size
    contents = one.read_bytes(), other.read_bytes()
    for path, data in zip((other, one), contents, strict=True):
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(data)
        if times:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def of_array(cache: Cache, array: str) -> list[str]:
    """Keys of the array's shards, in the order of their rows."""
    records = [read_record(path) for path in (cache.root / "shards").glob("*/*.json")]
    return [
        r.key
        for r in sorted(records, key=lambda r: min(row.id for row in r.rows if row))
        if r.spec.name == array
    ]


def exchange_features(cache: Cache, *, times: bool = False) -> None:
    one, other = of_array(cache, "features")
    exchange(cache.shard(one), cache.shard(other), times=times)


def rows_hold(store: Store) -> None:
    for array in ("features", "frames", "count"):
        for row_id in store.ids:
            np.testing.assert_array_equal(store.read_row(array, row_id), content(row_id)[array])


def test_a_build_links_no_exchanged_shard(cache: Cache, store: Path) -> None:
    whole = bytes_of(store)
    exchange_features(cache)
    compute, _ = build(cache, store, rows_of(*ROWS))
    assert sorted(compute.asked) == [f"r{number:03d}" for number in ROWS]
    assert bytes_of(store) == whole
    assert verify_cache(cache).faults == ()


@pytest.mark.parametrize("times", [False, True])
def test_no_row_of_an_exchanged_shard_is_copied(cache: Cache, store: Path, times: bool) -> None:
    """One row changes, its block is written again; its neighbours come from where they are proven to be."""
    exchange_features(cache, times=times)
    out = store.with_name("edited")
    build(cache, out, rows_of(*ROWS, version={1: 2, 6: 2}))
    rows_hold(open_store(out))
    copied = {row.get("copied_from") for key in of_array(cache, "features")
              for row in read_record_document(cache.record(key))["rows"] if row}  # fmt: skip
    assert copied == {None}


def test_a_shard_exchanged_after_the_plan_is_not_published(cache: Cache, store: Path) -> None:
    plan = Build(cache, "test/store", SPEC, rows_of(*ROWS))
    exchange_features(cache)
    whole = bytes_of(store)
    with pytest.raises(BuildError, match="damaged while the store was being built"):
        plan.finish(store, {"label": np.arange(8)}, {"title": "small"})
    assert bytes_of(store) == whole or not store.exists()
    build(cache, store, rows_of(*ROWS))
    rows_hold(open_store(store))


def test_no_reader_gives_an_exchanged_row(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "copied")
    exchange(tmp_path / "copied/features/c.0.0", tmp_path / "copied/features/c.1.0", times=True)
    opened = open_store(tmp_path / "copied")
    with pytest.raises(ShardError, match="another shard's bytes"):
        opened.read("features")
    with open_reader(tmp_path / "copied") as reader, pytest.raises(CacheError, match="another shard's bytes"):
        reader["features"].of("r005")


def test_an_older_store_is_read_whole_before_a_row_of_it_is_given(store: Path, tmp_path: Path) -> None:
    """Its manifest holds no checksums of chunks."""
    older = tmp_path / "older"
    shutil.copytree(store, older)
    forget_checksums(older)
    rows_hold(open_store(older))
    exchange(older / "features/c.0.0", older / "features/c.1.0", times=True)
    with pytest.raises(StoreError, match="another shard's bytes"):
        open_store(older).read_row("features", "r001")


def forget_checksums(store: Path) -> None:

    from cache.keys import canonical

    manifest = json.loads((store / "manifest.json").read_bytes())
    del manifest["digest"]
    for facts in manifest["files"].values():
        for name in ("checksums", "table"):
            facts.pop(name, None)
    manifest["digest"] = key_of(manifest)
    (store / "manifest.json").write_bytes(canonical(manifest) + b"\n")


def test_exchanged_shards_are_neither_adopted_nor_merged_nor_exported(store: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(store, bad)
    exchange(bad / "features/c.0.0", bad / "features/c.1.0", times=True)
    with pytest.raises(StoreError, match="not adopted"):
        adopt_store(bad, Cache(tmp_path / "other"))
    for name in ("bad.zip", "bad.h5"):
        with pytest.raises(CacheError):
            export_store(bad, tmp_path / name)
        assert not (tmp_path / name).exists()
    build(Cache(tmp_path / "third"), tmp_path / "more", rows_of(20, 21))
    with pytest.raises(CacheError):
        merge_stores([tmp_path / "more", bad], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_wrong_place_in_the_index_is_not_copied_from(cache: Cache, store: Path) -> None:
    """Every row's place is moved by one; the records know better."""
    for path in (cache.root / "index").glob("*.sqlite"):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE rows SET row = (row + 1) % 4")
        connection.close()
    out = store.with_name("edited")
    build(cache, out, rows_of(*ROWS, version={1: 2}))
    rows_hold(open_store(out))
    assert verify_cache(cache).faults == ()


@pytest.mark.usefixtures("store")
def test_a_row_source_answers_for_its_record(cache: Cache) -> None:
    one, other = of_array(cache, "features")
    spec = SPEC.array("features")
    source = RowSource(cache, one, spec)
    record = read_record(cache.record(one))
    assert [source.holds(n, row.key) for n, row in enumerate(record.rows) if row] == [True] * 4
    assert not source.holds(0, read_record(cache.record(other)).rows[0].key)  # type: ignore[union-attr]
    assert not source.holds(4, None)
    source.close()
    keys = tuple(None if row is None else row.key for row in record.rows)
    right, wrong = (Place(one, 4, row, None) for row in (0, 1))
    opened: dict[str, RowSource] = {}
    copies = proven_copies(cache, spec, keys, {0: right, 2: wrong}, opened)
    assert copies.shards == {0: one}
    opened[one].close()
    cache.record(one).chmod(0o644)
    cache.record(one).write_bytes(cache.record(other).read_bytes())
    with pytest.raises(ShardError, match="another shard's"):
        RowSource(cache, one, spec)


def test_an_older_record_is_completed_once(cache: Cache, store: Path) -> None:
    (key, _) = of_array(cache, "features")
    document = read_record_document(cache.record(key))
    whole = {name: document.pop(name) for name in ("checksums", "mtime_ns")}
    document.pop("seal")
    cache.record(key).write_bytes(sealed(document))
    before = bytes_of(store)
    compute, _ = build(cache, store, rows_of(*ROWS))
    assert compute.asked == []
    assert bytes_of(store) == before
    completed = read_record_document(cache.record(key))
    assert {name: completed[name] for name in whole} == whole


def test_rows_without_bytes_are_asked_for_too(cache: Cache, tmp_path: Path) -> None:
    """A remembered failure is the record's word, not the index's."""
    build(cache, tmp_path / "out", rows_of(*ROWS), Computer(bad=frozenset({"r002"})))
    for path in (cache.root / "index").glob("*.sqlite"):
        with sqlite3.connect(path) as connection:
            connection.execute("""UPDATE rows SET failed = '{"error": "X", "message": "made up"}'""")
        connection.close()
    build(cache, tmp_path / "out", rows_of(*ROWS, version={0: 2}))
    assert [failure["message"] for failure in open_store(tmp_path / "out").failures] == ["r002 is bad"]
