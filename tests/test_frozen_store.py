"""Old stores under today's code, and today's under old code: what was published once can be read for good."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_small import Computer, build, content, rows_of
from feature_store import zipped
from frozen import BAD, DIGEST, IDS, thawed
from house import HOUSE
from numcodecs.zstd import Zstd
from serving import serving

from cache import Cache, StoreError, open_store
from cache.exchange.importing import import_store
from cache.exchange.merge import merge_stores
from cache.harstore import open
from cache.keys import digest_of, key_of
from cache.upkeep.adopt import adopt_store
from cache.upkeep.repair import repair_store
from cache.upkeep.verify import verify_store

OLD = "c975619"
"""The commit that wrote the frozen store."""
PART_FIELDS = {
    "format", "array", "dtype", "row_shape", "dims", "chunk", "chunk_rows", "codec", "padded", "rows_per_shard",
    "attrs",
}  # fmt: skip


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    return thawed(tmp_path / "frozen.zarr")


@pytest.mark.parametrize("place", ["folder", "zip", "http"])
def test_today_reads_the_frozen_store(frozen: Path, tmp_path: Path, place: str) -> None:
    with serving(tmp_path) as server:
        address = {
            "folder": frozen, "zip": zipped(frozen, tmp_path / "frozen.zip"), "http": f"{server.url}/frozen.zarr",
        }[place]  # fmt: skip
        with open(address) as reader:
            assert (reader.ids, reader.card.digest) == (IDS, DIGEST)
            for row_id in IDS:
                if row_id != BAD:
                    for array, value in content(row_id).items():
                        np.testing.assert_array_equal(reader[array].of(row_id), value)
            assert [failure["id"] for failure in reader.failures] == [BAD]
            assert reader.made_of("r007", "count")["input"] == 7
            np.testing.assert_array_equal(reader.coord("label"), [int(row_id[1:]) for row_id in IDS])


def test_today_adopts_imports_merges_and_extends_the_frozen_store(frozen: Path, tmp_path: Path) -> None:
    """Its rows are known by the same keys, so that one new row costs one row; what is published then has checksums."""
    assert verify_store(frozen).faults == ()
    import_store(frozen, tmp_path / "imported.zarr")
    cache, out = Cache(tmp_path / "cache"), tmp_path / "out.zarr"
    adopt_store(frozen, cache, "test/store")
    computer, _ = build(cache, out, rows_of(*(int(row_id[1:]) for row_id in IDS), 20))
    assert computer.asked == ["r020"]
    assert verify_store(out).faults == ()
    facts = json.loads((out / "manifest.json").read_bytes())["files"]
    assert all("checksums" in entry for name, entry in facts.items() if name.startswith("count/c."))
    build(Cache(tmp_path / "other"), tmp_path / "other.zarr", rows_of(7, 8))
    merged = merge_stores([frozen, tmp_path / "other.zarr"], tmp_path / "merged.zarr")
    assert (merged.rows, merged.total) == ((9, 2), 9)
    with open(tmp_path / "merged.zarr") as reader:
        np.testing.assert_array_equal(reader["features"].of("r007"), content("r007")["features"])


def test_a_flip_in_the_frozen_store_is_found_and_repaired(frozen: Path, tmp_path: Path) -> None:
    cache, before = Cache(tmp_path / "cache"), (frozen / "manifest.json").read_bytes()
    adopt_store(frozen, cache, "test/store")
    shard = frozen / "features" / "c.1.0"
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.unlink()  # the cache has a link to it, which stays whole
    shard.write_bytes(data)
    with open(frozen) as reader, pytest.raises(StoreError, match="damaged, or holds another"):
        reader["features"].of("r004")
    assert repair_store(frozen, cache).left == ()
    assert (frozen / "manifest.json").read_bytes() == before
    assert verify_store(frozen).faults == ()


def test_exchanged_shards_of_the_frozen_store_are_refused_on_this_machine(
    frozen: Path, tmp_path: Path
) -> None:
    """Its chunks have no checksums beside them: all of a shard is read, once."""
    one, other = (frozen / "features" / f"c.{block}.0" for block in (0, 1))
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    with pytest.raises(StoreError, match="holds another shard's bytes"):
        open_store(frozen).read("features", ["r006"])
    with open(zipped(frozen, tmp_path / "frozen.zip")) as reader:
        with pytest.raises(StoreError, match="holds another shard's bytes"):
            reader["features"].of("r001")
        np.testing.assert_array_equal(reader["features"].of("r008"), content("r008")["features"])


def test_the_frozen_store_replaced_between_two_shards_is_refused(frozen: Path, tmp_path: Path) -> None:
    """Without checksums of chunks: the manifest is read again whenever a shard is opened."""
    with serving(tmp_path) as server, open(f"{server.url}/frozen.zarr") as reader:
        np.testing.assert_array_equal(reader["features"].of("r001"), content("r001")["features"])
        manifest = json.loads((frozen / "manifest.json").read_bytes())
        del manifest["digest"], manifest["files"]["count/documents.0"]
        manifest["digest"] = key_of(manifest)
        (frozen / "manifest.json").write_text(json.dumps(manifest, sort_keys=True))
        with pytest.raises(Exception, match="replaced"):
            reader["features"].of("r008")


def test_todays_store_is_what_the_old_reader_demands(tmp_path: Path) -> None:
    """By a frozen list, where the history isn't there to run the old reader itself."""
    build(Cache(tmp_path / "cache"), tmp_path / "out.zarr", rows_of(*range(6)))
    manifest = json.loads((tmp_path / "out.zarr" / "manifest.json").read_bytes())
    digest = manifest.pop("digest")
    assert key_of(manifest) == digest
    assert (manifest["format"], set(manifest)) == ("harcache-1", {"format", "files"})
    for name, facts in manifest["files"].items():
        data = (tmp_path / "out.zarr" / name).read_bytes()
        assert (facts["size"], facts["blake2b160"]) == (len(data), digest_of(data))
    names = {name.rpartition("/")[2] for name in manifest["files"]}
    assert names == {
        "zarr.json",
        "c.0",
        "c.1",
        "c.0.0",
        "c.1.0",
        "c.0.0.0",
        "c.1.0.0",
        "documents.0",
        "documents.1",
    }
    house = json.loads((tmp_path / "out.zarr" / "zarr.json").read_bytes())["attributes"]["harcache"]
    assert set(house) >= {"format", "row_dim", "arrays", "coords", "rows", "made_of"}
    assert all(set(part) == PART_FIELDS for kind in ("arrays", "coords") for part in house[kind].values())
    for path in (tmp_path / "out.zarr").rglob("documents.*"):
        documents: dict[str, Any] = json.loads(bytes(Zstd().decode(path.read_bytes()[:-24])))
        assert set(documents) == {"format", "spec", "rows_per_shard", "common", "rows"}
        assert {field for row in documents["rows"] if row for field in row} <= {"doc", "failed"}


def test_the_old_reader_reads_todays_store(tmp_path: Path) -> None:
    """harstore of then, taken out of the history and run beside today's: the same values from a folder and a zip."""
    found = subprocess.run(
        ["git", "archive", "--format=tar", f"{OLD}:cache"], cwd=HOUSE, capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip(f"the history without {OLD} (a shallow clone, or no git): {found.stderr.decode()[:100]}")
    site = tmp_path / "site" / "harstore"
    site.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(site)], input=found.stdout, check=True)
    build(Cache(tmp_path / "cache"), tmp_path / "out.zarr", rows_of(*range(10)), Computer(frozenset({BAD})))
    zipped(tmp_path / "out.zarr", tmp_path / "out.zip")
    code = (
        "import sys, harstore\n"
        "for path in sys.argv[1:]:\n"
        "    with harstore.open(path) as store:\n"
        "        print(*store['features'].of(['r001', 'r009']).ravel(), store.made_of('r004', 'count')['input'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code, str(tmp_path / "out.zarr"), str(tmp_path / "out.zip")],
        env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    numbers = " ".join(str(float(number)) for number in [*range(1, 6), *range(9, 14)])
    assert ran.stdout.splitlines() == [f"{numbers} 4"] * 2
