import shutil
from pathlib import Path

from cache_small import build, rows_of

from cache import Cache
from cache.upkeep.inventory import inventory


def test_stores_here_stores_elsewhere_and_what_the_cache_holds(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "gone", rows_of(*range(10)))
    shutil.rmtree(tmp_path / "gone")
    build(cache, tmp_path / "kept", rows_of(*range(11)))
    cache.blobs.put({"learned": 1}, {"w": b"123"}, None)
    (cache.blobs.workdir({"learned": 2}) / "epoch.pt").write_bytes(b"half")
    found = inventory(cache, [tmp_path / "kept"])
    (line,) = found.stores
    assert (line.rows, line.shards, line.cached) == (11, 9, 10 / 11)
    files = [
        path for path in (tmp_path / "kept").rglob("*") if path.is_file() and path.name != "manifest.json"
    ]
    assert line.bytes == sum(path.stat().st_size for path in files)
    head, first, *_, there, _ = str(found).splitlines()
    assert head.split() == ["store", "rows", "shards", "size", "from", "cache", "made", "by"]
    assert first.split()[:3] == [str(tmp_path / "kept"), "11", "9"]
    assert first[: head.index("made by")].split()[-1] == "90.9%"
    assert first.index(" 11 ") + 3 == head.index(" rows") + 5  # numbers end where their heads do
    assert there.split()[:4] == [str(tmp_path / "gone"), "10", "9", "-"]
    assert "@" in line.made_by
    (gone,) = found.elsewhere
    assert (gone.folder, gone.shards) == (tmp_path / "gone", 9)
    shards = [path for path in cache.root.glob("shards/*/*") if path.is_file()]
    assert found.shards == (12, sum(path.stat().st_size for path in shards))
    assert (found.blobs[0], found.work, found.damaged) == (1, (1, 4), (0, 0))
    assert "of the same cache, elsewhere:" in str(found)
    assert "12 shards" in str(found)


def test_a_store_that_cannot_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    build(Cache(tmp_path / "cache"), tmp_path / "out", rows_of(1))
    (tmp_path / "out" / "zarr.json").unlink()
    found = inventory(Cache(tmp_path / "cache"), [tmp_path / "out"])
    assert "zarr.json is missing" in found.stores[0].problem
    assert f"{tmp_path / 'out'}: cannot be read" in str(found)
    assert "no store in this project yet" in str(inventory(Cache(tmp_path / "none"), []))
