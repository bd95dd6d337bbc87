"""Of a store that was built before, only those records are read whose files changed since, whatever their times say."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_small import Computer, build, bytes_of, rows_of

from cache import Cache, open_store
from cache.home import known_records
from cache.shards.records import Record, read_record
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify_cache import verify_cache


@pytest.fixture(autouse=True)
def _long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been there for long."""
    monkeypatch.setattr(known_records, "_RACY_NS", -(10**12))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Ten rows in three blocks of three arrays, r003 of which fails; their records are remembered."""
    cache = Cache(tmp_path / "cache")
    for _ in range(2):
        build(cache, tmp_path / "out", rows_of(*range(10)), Computer(frozenset({"r003"})))
    return cache


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Records that a plan reads."""
    seen: list[Path] = []

    def reading(path: Path) -> Record:
        seen.append(path)
        return read_record(path)

    monkeypatch.setattr(known_records, "read_record", reading)
    return seen


def records(cache: Cache) -> list[Path]:
    return sorted((cache.root / "shards").rglob("*.json"))


def test_a_build_without_news_reads_none_and_publishes_the_same(
    cache: Cache, tmp_path: Path, read: list[Path]
) -> None:
    before = bytes_of(tmp_path / "out")
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(10)))
    assert (read, compute.asked) == ([], [])
    assert bytes_of(tmp_path / "out") == before
    assert [failure["id"] for failure in open_store(tmp_path / "out").failures] == ["r003"]


def test_an_edit_reads_only_records_of_its_block(cache: Cache, tmp_path: Path, read: list[Path]) -> None:
    before = set(records(cache))
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(10), version={9: 2}))
    assert compute.asked == ["r009"]
    assert set(read) == set(records(cache)) - before
    assert len(set(read)) == 3  # one an array


def test_a_record_whose_time_was_set_back_is_read_and_its_damage_found(
    cache: Cache, tmp_path: Path, read: list[Path]
) -> None:
    path = records(cache)[0]
    before, data = path.stat(), path.read_bytes()
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    compute, _ = build(cache, tmp_path / "out", rows_of(*range(10)), Computer(frozenset({"r003"})))
    assert read[0] == path
    assert len(compute.asked) > 0
    assert (cache.root / "damaged" / path.name).exists()


def test_what_was_written_a_moment_ago_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[Path]
) -> None:
    monkeypatch.setattr(known_records, "_RACY_NS", 10**12)
    cache = Cache(tmp_path / "cache")
    for _ in range(3):
        read.clear()
        build(cache, tmp_path / "out", rows_of(0))
    assert len(read) == 3
    assert not cache.known_records("test/store").exists()


def test_a_flipped_byte_is_not_believed_but_named_and_removed(
    cache: Cache, tmp_path: Path, read: list[Path]
) -> None:
    path, before = cache.known_records("test/store"), bytes_of(tmp_path / "out")
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    assert [fault.place for fault in verify_cache(cache).faults] == [path.relative_to(cache.root).as_posix()]
    repair_cache(cache)
    assert not path.exists()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    build(cache, tmp_path / "out", rows_of(*range(10)))
    assert len(read) == 9
    assert path.read_bytes() == data
    assert bytes_of(tmp_path / "out") == before
