"""What only helps (index, remembered digests, uses, mark): a build goes on without; verify and repair see it."""

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cache_small import build, rows_of
from test_cache_digests import counted

from cache import Cache, Digests
from cache.home.digests import digests_database
from cache.home.index import index_database
from cache.home.sealed_database import SealedDatabase
from cache.mount_check import MARK
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify_cache import verify_cache

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """Five rows built, and the digest of one file remembered."""
    monkeypatch.setattr("cache.home.digests._RACY_NS", -(10**12))  # as if the file had been there for long
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(*range(5)))
    (tmp_path / "file").write_bytes(b"abc")
    assert remembered(cache, tmp_path) == ABC
    return cache


def helps_of(cache: Cache) -> list[Path]:
    return [path for of in (index_database(cache), digests_database(cache)) for path in (of.path, of.seal)]


def remembered(cache: Cache, folder: Path) -> str:
    with Digests(cache) as digests:
        return digests.sha256(folder / "file")


def built(cache: Cache, folder: Path) -> list[str]:
    """What another build computes: the sixth row, and nothing else."""
    return build(cache, folder / "out", rows_of(*range(6)))[0].asked


def torn(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 900)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS = (torn, garbage, a_folder)


@pytest.mark.parametrize("harm", HARMS)
def test_digests_that_are_broken_cost_a_reading(
    cache: Cache, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(digests_database(cache).path)
    assert remembered(cache, tmp_path) == ABC


@pytest.mark.parametrize("harm", HARMS)
def test_an_index_that_is_broken_costs_nothing(
    cache: Cache, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(index_database(cache).path)
    assert built(cache, tmp_path) == ["r005"]


def test_every_flip_of_the_index_is_found_and_none_ends_a_build(cache: Cache, tmp_path: Path) -> None:
    index = index_database(cache).path
    whole, seal = index.read_bytes(), index_database(cache).seal.read_bytes()
    for at in range(0, len(whole), len(whole) // 40):
        index.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        index_database(cache).seal.write_bytes(seal)
        (fault,) = verify_cache(cache).faults
        assert fault.place == f"index/{index.name}"
        assert build(cache, tmp_path / "out", rows_of(*range(5)))[0].asked == []
        assert verify_cache(cache).faults == ()


@pytest.mark.parametrize("database", [index_database, digests_database])
def test_one_locked_for_good_is_done_without(
    cache: Cache,
    tmp_path: Path,
    database: Callable[[Cache], SealedDatabase],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By a process that is none of ours, or by a network disk that lost a lock's end."""
    monkeypatch.setattr("cache.home.sealed_database._WAIT_SECONDS", 0.0)
    held = sqlite3.connect(database(cache).path, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    assert built(cache, tmp_path) == ["r005"]
    assert remembered(cache, tmp_path) == ABC
    assert "is locked" in caplog.text
    held.close()


def test_a_folder_that_may_not_be_written_is_done_without(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Root may write anywhere, so the refusal is made up: of a read-only disk, or another user's file."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_RDWR and Path(path).parent.name in ("digests", "index"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    digests_database(cache).path.unlink()
    assert remembered(cache, tmp_path) == ABC
    assert built(cache, tmp_path) == ["r005"]
    assert "hashed again next time" in caplog.text
    assert "read from the records instead" in caplog.text


def test_helps_have_the_rights_that_the_umask_gives(cache: Cache, tmp_path: Path) -> None:
    """SQLite alone makes its files 0644: the second user of a group could never write."""
    for path in helps_of(cache):
        path.unlink()
    before = os.umask(0o002)
    try:
        built(cache, tmp_path)
        remembered(cache, tmp_path)
    finally:
        os.umask(before)
    for path in helps_of(cache):
        assert stat.S_IMODE(path.stat().st_mode) == 0o664, path


def test_a_table_made_anew_keeps_what_was_known(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its seal gone, as after a kill: rows have seals of their own."""
    database, reads = digests_database(cache), counted(monkeypatch)
    database.seal.unlink()
    (tmp_path / "other").write_bytes(b"")
    with Digests(cache) as digests:
        digests.sha256(tmp_path / "other")
    assert reads == [1]
    with Digests(cache) as digests:
        digests.sha256(tmp_path / "file")
        digests.sha256(tmp_path / "other")
    assert reads == [1]


@pytest.mark.parametrize("kind", ["digests", "index", "uses", MARK])
def test_verify_names_a_broken_help_and_repair_makes_it_anew(cache: Cache, tmp_path: Path, kind: str) -> None:
    path = cache.root / MARK if kind == MARK else next((cache.root / kind).glob("*.*[ne]"))
    torn(path)
    found = verify_cache(cache)
    assert [fault.place for fault in found.faults] == [path.relative_to(cache.root).as_posix()]
    assert found.exit_code == 1
    repair_cache(cache)
    assert verify_cache(cache).faults == ()
    assert build(cache, tmp_path / "out", rows_of(*range(5)))[0].asked == []


def test_what_a_killed_run_left_is_said_and_is_no_damage(cache: Cache) -> None:
    """A shard that was written and not yet recorded, an index that was being written, a training's folder."""
    record = next((cache.root / "shards").glob("*/*.json"))
    record.unlink()
    index_database(cache).seal.unlink()
    (cache.root / "work" / "adopting-frames.zarr-1").mkdir(parents=True)
    found = verify_cache(cache)
    assert (found.faults, found.exit_code) == ((), 0)
    output = str(found)
    for word in (record.stem, "the next build sweeps it", "index/", "work/adopting-frames.zarr-1"):
        assert word in output
