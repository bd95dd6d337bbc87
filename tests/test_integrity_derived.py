"""What an older harcache made of rows that were another's is found by its record, and goes with all that came of it."""

import json
import shutil
from pathlib import Path

import pytest
from cache_small import SPEC, build, rows_of
from test_integrity_rows import exchange, exchange_features, of_array, rows_hold
from tiny import replace_file

from cache import Cache, Row, open_store
from cache.keys import key_of, sealed
from cache.shards.records import read_record_document
from cache.upkeep.adopt import adopt_store
from cache.upkeep.derived import strays_in
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache

ROWS = range(8)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def store(cache: Cache, tmp_path: Path) -> Path:
    build(cache, tmp_path / "out", rows_of(*ROWS))
    return tmp_path / "out"


def older(path: Path) -> None:
    """A record of before inputs were proven."""
    document = read_record_document(path)
    for name in ("checksums", "mtime_ns", "inputs_proven", "seal"):
        document.pop(name, None)
    replace_file(path, sealed(document))


def older_blob(blob: Path) -> None:
    document = json.loads((blob / "record.json").read_bytes())
    del document["inputs_proven"], document["digest"]
    document["digest"] = key_of(document)
    replace_file(blob / "record.json", json.dumps(document, indent=1, sort_keys=True).encode())


def all_older(cache: Cache) -> None:
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        older(path)


def computed_from(store: Path, step: str) -> list[Row]:
    """Rows of a later store: r000 of it was made of r000 of this one's features, and so on."""
    keys = open_store(store).keys("features")
    return [
        Row(
            row,
            {array.name: {"step": step, "array": array.name, "of": keys[row]} for array in SPEC.arrays},
        )
        for row in sorted(keys)
    ]


def in_array(cache: Cache, array: str, step: str) -> set[str]:
    """Keys of the shards of an array that a step made."""
    found = [read_record_document(path) for path in (cache.root / "shards").glob("*/*.json")]
    return {r["key"] for r in found if r["spec"]["array"] == array and r["common"]["step"] == step}


def of_first_rows(cache: Cache, keys: set[str]) -> str:
    """Of these shards, that of r000 to r003."""
    (key,) = (key for key in keys if read_record_document(cache.record(key))["rows"][0]["id"] == "r000")
    return key


def named(cache: Cache) -> frozenset[str]:
    """What `verify` names beside the damaged files themselves."""
    return verify_cache(cache).derived


@pytest.fixture
def chain(cache: Cache, store: Path) -> tuple[Path, Path]:
    """An older harcache's: a store, one computed from it, and one computed from that."""
    later, last = store.with_name("later"), store.with_name("last")
    build(cache, later, computed_from(store, "later"))
    build(cache, last, computed_from(later, "last"))
    return later, last


def test_what_was_made_of_an_exchanged_shard_goes_with_it(cache: Cache, store: Path) -> None:
    """As builds of before left it: rows copied from it, and weights learned from those, whole by their own records."""
    build(cache, store.with_name("edited"), rows_of(*ROWS, version={1: 2}))
    keys = open_store(store).keys("features")
    blob = cache.blobs.put({"learned_from": [keys["r000"]]}, {"weights.pt": b"weights"}, {})
    older_blob(blob)
    other = cache.blobs.put({"learned_from": ["something else"]}, {"weights.pt": b"others"}, {})
    first, *_ = of_array(cache, "features")
    records = [read_record_document(path) for path in (cache.root / "shards").glob("*/*.json")]
    (original,) = (r["key"] for r in records if r["spec"]["array"] == "features" and r["rows"][1] and r["rows"][0]
                   and r["rows"][0]["id"] == "r000" and "copied_from" not in r["rows"][0])  # fmt: skip
    (copy,) = (
        r["key"] for r in records if any(row and row.get("copied_from") == original for row in r["rows"])
    )
    assert first in (original, copy)
    all_older(cache)
    (second,) = set(of_array(cache, "features")) - {original, copy}
    exchange(cache.shard(original), cache.shard(second))
    assert named(cache) == {copy, blob.name}
    done = repair_cache(cache)
    assert done.derived == {copy, blob.name}
    assert not cache.holds(copy)
    assert not blob.exists()
    assert other.exists()
    build(cache, store.with_name("edited"), rows_of(*ROWS, version={1: 2}))
    rows_hold(open_store(store.with_name("edited")))
    assert repair_cache(cache).derived == frozenset()


def test_later_steps_go_too_though_they_proved_what_they_read(cache: Cache, chain: tuple[Path, Path]) -> None:
    """The second store is an older harcache's; the third was made by this one, of rows whose record was wrong."""
    for key in [*of_array(cache, "features"), *of_array(cache, "count"), *of_array(cache, "frames")]:
        if read_record_document(cache.record(key))["common"]["step"] == "later":
            older(cache.record(key))
    first, second = sorted(in_array(cache, "features", "test"))
    exchange(cache.shard(first), cache.shard(second))
    whole = {name: verify_store(path).faults for name, path in zip(("later", "last"), chain, strict=True)}
    assert whole == {"later": (), "last": ()}
    steps = {read_record_document(cache.record(key))["common"]["step"] for key in named(cache)}
    assert steps == {"later", "last"}
    assert len(named(cache)) == 12  # two blocks of three arrays, twice
    repair_cache(cache)
    assert named(cache) == frozenset()
    assert in_array(cache, "features", "later") == set()


def test_what_proved_its_rows_before_they_were_exchanged_stays(
    cache: Cache, chain: tuple[Path, Path]
) -> None:
    assert chain[0].exists()
    first, second = sorted(in_array(cache, "features", "test"))
    exchange(cache.shard(first), cache.shard(second))
    assert named(cache) == frozenset()


def test_a_build_that_sets_the_shard_aside_hides_nothing(
    cache: Cache, store: Path, chain: tuple[Path, Path]
) -> None:
    """The exchanged shards are made anew before anybody repairs; what came of them is named all the same."""
    assert chain[0].exists()
    all_older(cache)
    first, second = sorted(in_array(cache, "features", "test"))
    exchange(cache.shard(first), cache.shard(second))
    build(cache, store, rows_of(*ROWS))
    rows_hold(open_store(store))
    assert len(named(cache)) == 12
    repair_cache(cache)
    build(cache, chain[0], computed_from(store, "later"))
    assert named(cache) == frozenset()


def test_one_that_was_exchanged_in_a_store_alone(cache: Cache, store: Path, chain: tuple[Path, Path]) -> None:
    """A copy, as on another disk: the cache's own shards are whole."""
    assert chain[0].exists()
    all_older(cache)
    copied = store.with_name("copied")
    shutil.copytree(store, copied)
    exchange(copied / "features/c.0.0", copied / "features/c.1.0", times=True)
    strays = strays_in(verify_store(copied))
    assert strays.keys() == in_array(cache, "features", "test")
    assert verify_cache(cache).derived == frozenset()
    assert len(verify_cache(cache, strays=strays).derived) == 12
    assert repair_cache(cache, strays=strays).derived.isdisjoint(strays)


def test_a_flipped_byte_tells_of_nothing_else(cache: Cache, chain: tuple[Path, Path]) -> None:
    """Whoever read it found it, an older harcache too."""
    assert chain[0].exists()
    all_older(cache)
    path = cache.shard(sorted(in_array(cache, "features", "test"))[0])
    data = bytearray(path.read_bytes())
    data[2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    assert named(cache) == frozenset()


def test_adopted_rows_are_proven_where_their_store_keeps_checksums(
    cache: Cache, store: Path, tmp_path: Path
) -> None:
    other = Cache(tmp_path / "other")
    adopt_store(store, other)
    proven = [read_record_document(other.record(key))["inputs_proven"] for key in of_array(other, "features")]
    assert proven == [True, True]
    exchange_features(cache)
    assert named(cache) == frozenset()
