"""A manifest read entry by entry: what is whole is kept, what is not is told in words, the strict opener refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cache_small import Computer, build, bytes_of, rows_of

from cache import Cache, StoreError, open_store
from cache.keys import canonical, key_of
from cache.store.manifest import FileFacts, parse_manifest, read_manifest, sealed_manifest
from cache.upkeep.repair import repair_store
from cache.upkeep.verify import verify_store

DIGEST, TABLE = "0123456789abcdef" * 2 + "01234567", "f" * 40
FACTS = {
    "zarr.json": FileFacts(7, DIGEST),
    "count/c.0": FileFacts(0, DIGEST, TABLE),
    "count/documents.0": FileFacts(1 << 40, TABLE),
}
SHARD = {"size": 7, "blake2b160": DIGEST}


def sealed(files: Any, **more: Any) -> bytes:
    """A manifest by its rule, spelled out here: the digest is that of all else."""
    content = {"format": "harcache-1", "files": files, **more}
    return canonical({**content, "digest": key_of(content)}) + b"\n"


def test_what_is_written_is_what_is_read() -> None:
    data = sealed_manifest(FACTS)
    entries = {
        "zarr.json": {"size": 7, "blake2b160": DIGEST},
        "count/c.0": {"size": 0, "blake2b160": DIGEST, "checksums": TABLE},
        "count/documents.0": {"size": 1 << 40, "blake2b160": TABLE},
    }
    assert data == sealed(entries)
    read = parse_manifest(data)
    assert (read.files, read.damage, read.refused, read.problem) == (FACTS, None, {}, None)
    assert read.digest == key_of({"format": "harcache-1", "files": entries})


@pytest.mark.parametrize(
    ("name", "entry", "why"),
    [
        ("../zarr.json", SHARD, "is no name of a store's file"),
        ("count/c.0/x", SHARD, "is no name of a store's file"),
        ("count/c.1", None, "cannot be None"),
        ("count/c.1", [1], "cannot be [1]"),
        ("count/c.1", {**SHARD, "size": -1}, "cannot be of -1 bytes"),
        ("count/c.1", {**SHARD, "size": True}, "cannot be of True bytes"),
        ("count/c.1", {**SHARD, "size": 7.0}, "cannot be of 7.0 bytes"),
        ("count/c.1", {"blake2b160": DIGEST}, "cannot be of None bytes"),
        ("count/c.1", {**SHARD, "blake2b160": "0" * 39}, f"cannot have the blake2b160 '{'0' * 39}'"),
        ("count/c.1", {**SHARD, "blake2b160": 7}, "cannot have the blake2b160 7"),
        ("count/c.1", {**SHARD, "checksums": ""}, "cannot have the checksums ''"),
    ],
)
def test_an_entry_that_cannot_be_leaves_the_others(name: str, entry: Any, why: str) -> None:
    read = parse_manifest(sealed({"zarr.json": SHARD, name: entry}))
    assert (read.files, read.damage) == ({"zarr.json": FACTS["zarr.json"]}, None)
    assert read.refused == {name: why}
    assert read.problem == f"unreadable ({name!r} {why})"


def test_several_such_entries_are_counted() -> None:
    read = parse_manifest(sealed({"a": SHARD, "b": SHARD, "c": SHARD}))
    assert read.problem == "unreadable ('a' is no name of a store's file, and 2 entries more)"


@pytest.mark.parametrize("at", [0, 20, 60, -2, -1])
def test_one_byte_changed_is_damage(at: int) -> None:
    data = bytearray(sealed_manifest(FACTS))
    data[at] ^= 1
    read = parse_manifest(bytes(data))
    assert read.problem is not None
    assert read.problem.startswith(("unreadable (", "not what its own digest says"))


@pytest.mark.parametrize(
    "respelled",
    [
        lambda data: json.dumps(json.loads(data)).encode(),
        lambda data: data[:-1],
        lambda data: data.replace(b'"size":0', b'"size": 0'),
        lambda data: data.replace(b'"size":0', b'"size":5,"size":0'),
    ],
)
def test_another_spelling_of_the_same_is_damage(respelled: Callable[[bytes], bytes]) -> None:
    read = parse_manifest(respelled(sealed_manifest(FACTS)))
    assert (read.files, read.damage) == (FACTS, "not what its own digest says")


def test_numbers_and_depths_without_end_are_unreadable() -> None:
    for deep in (b"[" * 3_000 + b"]" * 3_000, b"NaN", b"1e999"):
        read = parse_manifest(b'{"digest":"x","files":{},"format":"harcache-1","z":%b}' % deep)
        assert (read.files, str(read.damage).split(" (")[0]) == ({}, "unreadable")


def test_a_manifest_of_another_format_is_named() -> None:
    read = parse_manifest(sealed({}, format="harcache-9"))
    assert read.problem == "of the format 'harcache-9', this code reads 'harcache-1'"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    assert read_manifest(tmp_path).problem == "missing: no store, or never finished"
    (tmp_path / "manifest.json").mkdir()
    assert str(read_manifest(tmp_path).problem).startswith("unreadable (")


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    """A store whose manifest, sealed, has an entry of one shard that cannot be."""
    out = tmp_path / "out.zarr"
    build(Cache(tmp_path / "cache"), out, rows_of(*range(10)))
    entries = json.loads((out / "manifest.json").read_bytes())["files"]
    entries["count/c.1"]["size"] = "16"
    (out / "manifest.json").write_bytes(sealed(entries))
    return out


def test_verify_reports_the_entry_and_its_rows_alone_and_opening_is_refused(forged: Path) -> None:
    (fault,) = verify_store(forged).faults
    assert (fault.place, fault.what) == ("count/c.1", "the manifest's entry cannot be of '16' bytes")
    assert fault.rows == ("r004", "r005", "r006", "r007")
    with pytest.raises(StoreError, match=r"manifest\.json is unreadable \('count/c\.1' cannot be of '16'"):
        open_store(forged)


def test_repair_takes_another_copys_manifest_for_it(forged: Path, tmp_path: Path) -> None:
    build(Cache(tmp_path / "other"), tmp_path / "copy.zarr", rows_of(*range(10)), Computer())
    done = repair_store(forged, Cache(tmp_path / "cache"), fetch=lambda name: tmp_path / "copy.zarr" / name)
    assert (done.left, done.refetched) == ((), ["manifest.json"])
    assert bytes_of(forged) == bytes_of(tmp_path / "copy.zarr")
