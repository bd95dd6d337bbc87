import json
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray
import zarr
from cache_small import Computer, build, bytes_of, rows_of
from strangers import sealed as resealed

from bench.tamper import flip_cache, flip_store, made, maim_store
from cache import Cache, ShardError, open_store
from cache.keys import canonical, key_of, seal_holds, sealed
from cache.shards.checksums import FRAME_BYTES, framed
from cache.shards.chunk_index import crc_of
from cache.shards.documents import tail_checksums
from cache.store.parts import read_parts
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def out(cache: Cache, tmp_path: Path) -> Path:
    """Ten rows in three blocks; r003 failed."""
    build(cache, tmp_path / "out", rows_of(*range(10)), Computer(frozenset({"r003"})))
    return tmp_path / "out"


def put(path: Path, data: bytes) -> None:
    """New content under the name; whoever links to the old file keeps it."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def places(folder: Path) -> dict[str, tuple[str, ...]]:
    return {fault.place: fault.rows for fault in verify_store(folder).faults}


def test_a_whole_store_and_its_cache_have_no_fault(cache: Cache, out: Path) -> None:
    found = verify_store(out)
    assert (found.faults, found.exit_code) == ((), 0)
    on_disk = bytes_of(out)
    assert found.files == len(on_disk) - 1  # the manifest is read by itself
    assert found.bytes == sum(map(len, on_disk.values())) - len(on_disk["manifest.json"])
    assert "whole" in str(found)
    assert verify_cache(cache).faults == ()


def test_forty_flips_and_every_way_to_maim_a_shard(tmp_path: Path) -> None:
    """bench/tamper.py in little: all named, all restored to the byte, nothing computed needlessly."""
    small, rng = made(tmp_path), random.Random(3)
    for tally in (flip_store(small, 20, rng), flip_cache(small, 20, rng), maim_store(small)):
        assert tally.misses == []
        assert tally.tried == tally.named == tally.restored == tally.frugal >= 20


def test_the_rows_of_a_damaged_chunk_are_named_and_no_others(out: Path) -> None:
    path = out / "features" / "c.0.0"  # chunks of two rows, 5 float32 and a crc32c each
    data = bytearray(path.read_bytes())
    data[44 + 3] ^= 1  # the first byte of the second chunk is 2 * 5 * 4 + 4 = 44
    put(path, bytes(data))
    (fault,) = verify_store(out).faults
    assert (fault.place, fault.array, fault.rows) == ("features/c.0.0", "features", ("r002", "r003"))
    assert "r002, r003" in str(fault)


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (
            lambda out: (out / "count" / "c.1").unlink(),
            {"count/c.1": ("r004", "r005", "r006", "r007")},
        ),
        (lambda out: put(out / "count" / "c.2", b""), {"count/c.2": ("r008", "r009")}),
        (lambda out: put(out / "count" / "documents.2", b""), {"count/documents.2": ("r008", "r009")}),
        (lambda out: put(out / "label" / "zarr.json", b"{}"), {"label/zarr.json": ()}),
        (lambda out: put(out / "stranger", b""), {"stranger": ()}),
        (lambda out: (out / "empty").mkdir(), {"empty": ()}),
    ],
)
def test_what_is_missing_empty_or_too_much(
    out: Path, harm: Callable[[Path], object], expected: dict[str, tuple[str, ...]]
) -> None:
    harm(out)
    assert places(out) == expected


def test_shards_in_each_others_place(out: Path) -> None:
    one, two = out / "count" / "c.0", out / "count" / "c.1"
    first, second = one.read_bytes(), two.read_bytes()
    put(one, second)
    put(two, first)
    assert places(out) == {
        "count/c.0": ("r000", "r001", "r002", "r003"),
        "count/c.1": ("r004", "r005", "r006", "r007"),
    }


def test_it_goes_on_past_the_first_fault_and_without_ids_counts_rows(out: Path) -> None:
    put(out / "clip_id" / "c.0.0", b"x")
    (out / "count" / "c.2").unlink()
    put(out / "frames" / "zarr.json", b"x")
    assert places(out) == {"clip_id/c.0.0": (), "count/c.2": ("rows 8 to 9",), "frames/zarr.json": ()}
    assert verify_store(out).exit_code == 1


def test_without_a_manifest_the_shards_own_checksums_still_speak(out: Path) -> None:
    (out / "manifest.json").unlink()
    assert places(out) == {"manifest.json": ()}
    data = bytearray((out / "count" / "c.1").read_bytes())
    data[0] ^= 8
    put(out / "count" / "c.1", bytes(data))
    assert places(out) == {"manifest.json": (), "count/c.1": ("r004",)}


def reseal(out: Path) -> None:
    """Make the manifest agree with the files, as a forger would."""
    from cache.keys import digest_of

    files = {
        name: {"size": len(data), "blake2b160": digest_of(data)}
        for name, data in bytes_of(out).items()
        if name != "manifest.json"
    }
    content = {"format": "harcache-1", "files": files}
    put(out / "manifest.json", canonical({**content, "digest": key_of(content)}) + b"\n")


def test_documents_of_other_rows_are_found_though_the_manifest_agrees(out: Path) -> None:
    one, two = out / "count" / "documents.0", out / "count" / "documents.1"
    first, second = one.read_bytes(), two.read_bytes()
    put(one, second)
    put(two, first)
    reseal(out)
    found = verify_store(out).faults
    assert [fault.place for fault in found] == ["count/documents.0", "count/documents.1"]
    assert "its rows' keys say" in found[0].what


def test_a_manifest_that_leaves_out_a_file(out: Path) -> None:
    (out / "count" / "c.1").unlink()
    reseal(out)
    assert places(out) == {"count/c.1": ("r004", "r005", "r006", "r007")}


def test_a_name_that_leads_out_is_never_read(out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_bytes())
    del manifest["digest"]
    manifest["files"]["../secret"] = {"size": 1, "blake2b160": "0"}
    put(out / "manifest.json", canonical({**manifest, "digest": key_of(manifest)}) + b"\n")
    (fault,) = verify_store(out).faults
    assert (fault.place, fault.what) == ("../secret", "a name that leads out of the store")


def test_a_store_is_still_zarrs_and_xarrays_without_a_warning(out: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sorted(zarr.open(out, mode="r").array_keys()) == [
            "clip_id", "count", "features", "frames", "key", "label",
        ]  # fmt: skip
        assert xarray.open_zarr(out).sizes["clip"] == 10


def test_documents_travel_with_the_store_say_all_and_keep_their_file(
    cache: Cache, out: Path, tmp_path: Path
) -> None:
    made_of = read_parts(out).documents("features", 0)
    assert made_of.docs[2] == {"step": "test", "array": "features", "input": 2, "version": 1}
    assert made_of.row_keys[2] == key_of(made_of.docs[2])
    assert made_of.failures[3].message == "r003 is bad"
    before = (out / "features" / "documents.0").stat().st_ino
    build(cache, out, rows_of(*range(11)), Computer(frozenset({"r003"})))
    assert (out / "features" / "documents.0").stat().st_ino == before
    build(Cache(tmp_path / "other"), tmp_path / "again", rows_of(*range(11)), Computer(frozenset({"r003"})))
    assert bytes_of(tmp_path / "again") == bytes_of(out)


def test_checksums_that_are_not_the_shards_are_found(out: Path) -> None:
    """The table of another array's documents, every digest made to fit."""
    one, other = out / "features" / "documents.0", out / "count" / "documents.0"
    body = one.read_bytes()[: -(4 * 2 + FRAME_BYTES + 24)]  # 4 rows in chunks of 2; key and crc32c
    lying = body + framed(tail_checksums(other.read_bytes())[:8]) + one.read_bytes()[-24:-4]
    put(one, lying + crc_of(lying))
    put(out / "manifest.json", resealed(bytes_of(out))["manifest.json"])
    (fault,) = verify_store(out).faults
    assert (fault.place, fault.what) == ("features/documents.0", "its checksums are not those of its shard")
    with pytest.raises(ShardError, match="another shard's bytes"):
        open_store(out).read("features")


def test_an_older_cache_is_whole_and_gives_documents(cache: Cache, out: Path) -> None:
    """Records, orders and stores of before there were seals and documents."""
    for path in (cache.root / "shards").glob("*/*.json"):
        record = json.loads(path.read_bytes())
        del record["seal"], record["user"], record["checksums"], record["mtime_ns"], record["inputs_proven"]
        put(path, json.dumps(record, separators=(",", ":"), sort_keys=True).encode())
    for path in (cache.root / "shards").glob("*/*.documents"):
        path.unlink()
    order = cache.order("test/store")
    put(
        order,
        canonical({name: value for name, value in json.loads(order.read_bytes()).items() if name != "seal"}),
    )
    before = bytes_of(out)
    assert verify_cache(cache).faults == ()
    compute, _ = build(cache, out, rows_of(*range(10)))
    assert compute.asked == []
    assert bytes_of(out) == before


def test_what_is_wrong_in_a_cache_is_named(cache: Cache, out: Path) -> None:
    folder = next(path for path in (cache.root / "shards").iterdir())
    put(folder / "stranger", b"x")
    key = read_parts(out).documents("count", 1).key
    record = cache.record(key)
    put(record, record.read_bytes().replace(b'"host":"', b'"host":"x'))
    put(cache.order("test/store"), b"{}")
    output = "\n".join(map(str, verify_cache(cache).faults))
    assert f"shards/{folder.name}/stranger" in output
    assert f"{key}.json: the record is damaged" in output
    assert "orders/test/store.json: row order" in output
    other = read_parts(out).documents("count", 0).key
    shutil.copyfile(cache.record(other), record.with_name("aside"))
    put(record, record.with_name("aside").read_bytes())
    assert f"its documents give the shard the key {other}" in "\n".join(map(str, verify_cache(cache).faults))


def test_a_seal_covers_every_byte() -> None:
    data = sealed({"a": [1, "é"], "z": None})
    assert json.loads(data)["a"] == [1, "é"]
    assert seal_holds(data)
    for at in range(len(data)):
        for bit in range(8):
            assert not seal_holds(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
