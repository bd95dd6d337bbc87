import json
from pathlib import Path

import pytest
from cache_small import SPEC, Computer, build, bytes_of, rows_of
from test_cache_verify import put

from cache import Cache
from cache.store.parts import read_parts
from cache.upkeep.repair import repair_store
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache


class Lab:
    """A store, its cache, a rebuild that remembers what was computed, and a copy elsewhere."""

    def __init__(self, root: Path) -> None:
        self.cache, self.out, self.elsewhere = Cache(root / "cache"), root / "out", root / "elsewhere"
        build(self.cache, self.out, rows_of(*range(10)))
        self.before = bytes_of(self.out)
        for name, data in self.before.items():
            (self.elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
            (self.elsewhere / name).write_bytes(data)
        self.compute = Computer()

    def rebuild(self) -> None:
        build(self.cache, self.out, rows_of(*range(10)), self.compute)

    def fetch(self, name: str) -> Path | None:
        return self.elsewhere / name

    def flip(self, name: str, at: int) -> None:
        """In the very file, which the cache links to."""
        path = self.out / name
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)

    @property
    def whole(self) -> bool:
        clean = not verify_store(self.out).faults and not verify_cache(self.cache).faults
        return clean and bytes_of(self.out) == self.before


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_whole_store_is_left_alone(lab: Lab) -> None:
    inodes = {path: path.stat().st_ino for path in lab.out.rglob("*")}
    done = repair_store(lab.out, lab.cache)
    assert (done.linked, done.refetched, done.recomputed, done.rebuilt, done.set_aside) == (
        [],
        [],
        (),
        False,
        [],
    )
    assert done.exit_code == 0
    assert {path: path.stat().st_ino for path in lab.out.rglob("*")} == inodes


def test_what_the_cache_has_is_linked(lab: Lab) -> None:
    put(lab.out / "count/c.1", b"rubbish")
    (lab.out / "features/documents.0").unlink()
    done = repair_store(lab.out, lab.cache)
    assert sorted(done.linked) == ["count/c.1", "features/documents.0"]
    assert (lab.out / "count/c.1").stat().st_nlink == 2
    assert lab.whole
    assert lab.compute.asked == []


def test_damage_in_a_shared_file_is_damage_in_both_and_another_copy_is_fetched(lab: Lab) -> None:
    lab.flip("count/c.1", 2)
    done = repair_store(lab.out, lab.cache, fetch=lab.fetch, rebuild=lab.rebuild)
    assert (done.refetched, done.rebuilt) == (["count/c.1"], False)
    assert "array count, block 1" in done.set_aside[0]
    assert lab.whole
    assert lab.compute.asked == []


def test_with_no_copy_only_the_damaged_row_is_computed(lab: Lab) -> None:
    lab.flip("count/c.1", 2)  # a row of 4 bytes and its crc32c: the first, r004
    lab.flip("features/c.2.0", 1)  # two rows a chunk: r008 and r009
    done = repair_store(lab.out, lab.cache, rebuild=lab.rebuild)
    assert (done.rebuilt, done.recomputed) == (True, ("r004", "r008", "r009"))
    assert lab.compute.asked == ["r004", "r008", "r009"]
    assert lab.compute.arrays == [frozenset({"count"}), frozenset({"features"})]
    assert lab.whole
    assert not [
        path for path in lab.cache.root.glob("shards/*/*.json") if b'"salvaged":true' in path.read_bytes()
    ]


def test_failures_stay_remembered(tmp_path: Path) -> None:
    cache, out, bad = Cache(tmp_path / "cache"), tmp_path / "out", Computer(frozenset({"r001"}))
    build(cache, out, rows_of(*range(4)), bad)
    before = bytes_of(out)
    path = out / "count" / "c.0"
    data = bytearray(path.read_bytes())
    data[8 + 8 + 1] ^= 1  # rows of 4 bytes and a crc32c: r002
    path.chmod(0o644)
    path.write_bytes(data)
    compute = Computer()
    repair_store(out, cache, rebuild=lambda: build(cache, out, rows_of(*range(4)), compute))
    assert compute.asked == ["r002"]
    assert bytes_of(out) == before


def test_without_any_way_the_damage_is_told(lab: Lab) -> None:
    lab.flip("count/c.1", 2)
    done = repair_store(lab.out, lab.cache)
    assert done.exit_code == 1
    assert [fault.place for fault in done.left] == ["count/c.1"]
    assert "still damaged: count/c.1" in str(done)


@pytest.mark.parametrize(
    "name", ["manifest.json", "zarr.json", "label/c.0", "count/zarr.json", "clip_id/c.0.0"]
)
def test_what_describes_the_store_is_fetched_or_published_anew(lab: Lab, name: str) -> None:
    put(lab.out / name, b"{}")
    done = repair_store(lab.out, lab.cache, fetch=lab.fetch)
    assert done.refetched == [name]
    assert lab.whole
    (lab.out / name).unlink()
    assert repair_store(lab.out, lab.cache, rebuild=lab.rebuild).rebuilt
    assert lab.whole
    assert lab.compute.asked == []


def test_shards_exchanged_in_store_and_cache_are_never_salvaged(lab: Lab) -> None:
    """Every chunk's crc32c holds: only the digest of the whole file knows."""
    one, two = lab.out / "count/c.0", lab.out / "count/c.1"
    first, second = one.read_bytes(), two.read_bytes()
    for path, data in ((one, second), (two, first)):
        path.chmod(0o644)
        path.write_bytes(data)
    repair_store(lab.out, lab.cache, rebuild=lab.rebuild)
    assert sorted(lab.compute.asked) == [f"r{number:03d}" for number in range(8)]
    assert lab.whole


def test_a_shard_of_others_rows_with_one_chunk_hit_is_found_out_in_the_end(lab: Lab) -> None:
    """Exchanged and damaged: what was salvaged is not what it should be, and is computed after all."""
    other = bytearray((lab.out / "count/c.0").read_bytes())
    other[1] ^= 1
    path = lab.out / "count/c.1"
    path.chmod(0o644)
    path.write_bytes(other)
    done = repair_store(lab.out, lab.cache, rebuild=lab.rebuild)
    assert done.exit_code == 0
    assert lab.whole
    assert {"r005", "r006", "r007"} <= set(lab.compute.asked)
    assert set(lab.compute.asked) == {"r004", "r005", "r006", "r007"}


def test_a_strangers_file_is_kept_aside(lab: Lab) -> None:
    (lab.out / "notes").mkdir()
    (lab.out / "notes" / "mine.txt").write_text("my only copy")
    (lab.out / "notes" / "mine.txt").rename(lab.out / "count" / "mine.txt")
    (lab.out / "notes").rmdir()
    repair_store(lab.out, lab.cache)
    assert lab.whole
    assert (lab.cache.root / "damaged" / "out-count-mine.txt").read_text() == "my only copy"


def test_a_cache_without_the_store_keeps_what_is_good(lab: Lab) -> None:
    lab.flip("count/c.1", 2)
    lab.flip("features/documents.0", 2)
    lab.cache.blobs.put({"a": 1}, {"w": b"123"}, None)
    done = repair_cache(lab.cache)
    assert len(done.set_aside) == len(done.salvaged) == len(done.rewritten) == 1
    assert verify_cache(lab.cache).faults == ()
    lab.rebuild()
    assert lab.compute.asked == ["r004"]
    assert lab.whole


def test_a_broken_record_a_blob_and_an_order(lab: Lab) -> None:
    key = read_parts(lab.out).documents("count", 1).key
    put(lab.cache.record(key), b"{" + lab.cache.record(key).read_bytes())
    blob = lab.cache.blobs.put({"a": 1}, {"w": b"123"}, None)
    (blob / "w").write_bytes(b"124")
    put(lab.cache.order("test/store"), lab.cache.order("test/store").read_bytes().replace(b"r001", b"r01"))
    assert len(repair_cache(lab.cache).set_aside) == 3
    assert verify_cache(lab.cache).faults == ()
    repair_store(lab.out, lab.cache, name="test/store")
    assert lab.cache.holds(key)
    assert json.loads(lab.cache.order("test/store").read_bytes())["rows"] == [f"r{n:03d}" for n in range(10)]
    assert lab.whole
    assert len(SPEC.arrays) * 3 == len(list(lab.cache.root.glob("shards/*/*.json")))
