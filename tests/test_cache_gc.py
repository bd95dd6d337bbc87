import os
import shutil
import time
from pathlib import Path

import pytest
from cache_small import build, rows_of

from cache import Build, Cache, CacheError
from cache.answers import Answers
from cache.build.publish import publish
from cache.home.references import read_uses, remember_use
from cache.locks import locked
from cache.upkeep.gc import collect
from cache.upkeep.verify_cache import verify_cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Holds the shards of one store that is there, of one that is gone, and some more."""
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "kept", rows_of(*range(10)))
    build(cache, tmp_path / "gone", rows_of(*range(10), version={0: 2}))
    shutil.rmtree(tmp_path / "gone")
    cache.blobs.put({"needed": 1}, {"w": b"123"}, None)
    cache.blobs.put({"needed": 0}, {"w": b"12345"}, None)
    (cache.blobs.workdir({"needed": 2}) / "epoch.pt").write_bytes(b"half")
    needed = cache.blobs.find({"needed": 1})
    assert needed is not None
    (tmp_path / "weights").mkdir()
    remember_use(cache, tmp_path / "weights", blobs=[needed.name])
    return cache


def shards(cache: Cache) -> set[str]:
    return {path.stem for path in cache.root.glob("shards/*/*.json")}


def test_a_dry_run_tells_and_touches_nothing(cache: Cache) -> None:
    before = sorted(cache.root.rglob("*"))
    found = collect(cache, days=0)
    assert sorted(item.kind for item in found.items) == ["answer", "blob", "shard", "shard", "shard", "work"]
    assert found.bytes == sum(item.bytes for item in found.items) > 0
    assert "would be removed (a dry run: --delete does it)" in str(found)
    assert f"{found.bytes:,} bytes" in str(found)
    assert sorted(cache.root.rglob("*")) == before


def test_what_no_store_and_no_weights_need_is_removed(cache: Cache, tmp_path: Path) -> None:
    (kept,) = (use for use in read_uses(cache) if use.out.name == "kept")
    found = collect(cache, days=0, delete=True)
    assert shards(cache) == kept.shards
    assert len(kept.shards) == 9
    assert found.freed == found.bytes  # the store that is gone linked to them no more
    assert cache.blobs.find({"needed": 0}) is None
    assert cache.blobs.find({"needed": 1}) is not None
    assert not list(cache.root.glob("work/*"))
    assert verify_cache(cache).faults == ()
    compute, _ = build(cache, tmp_path / "kept", rows_of(*range(10)))
    assert compute.asked == []
    assert [item.kind for item in collect(cache, days=0).items] == ["answer"]  # of the build of just now


def test_what_is_young_is_kept(cache: Cache) -> None:
    assert collect(cache, days=7).items == ()
    old = time.time() - 8 * 86400
    for path in cache.root.rglob("*"):
        os.utime(path, (old, old))
    found = collect(cache, days=7)  # the use of the store that is gone is of today: its shards stay
    assert sorted(item.kind for item in found.items) == ["answer", "blob", "work"]


def test_old_answers_go_with_what_killed_writers_left_of_them(cache: Cache) -> None:
    answers = Answers(cache.root)
    before = set((cache.root / "answers").iterdir())
    assert answers.get(["old"], lambda: 1) == 1
    (old,) = set((cache.root / "answers").iterdir()) - before
    left = old.with_name(f"{old.name}.4711.tmp")
    left.write_bytes(b"{")
    for path in (old, left):
        os.utime(path, (0, 0))
    assert answers.get(["fresh"], lambda: 2) == 2
    assert {item.name for item in collect(cache, days=7, delete=True).items} == {old.name, left.name}
    assert answers.get(["fresh"], lambda: 3) == 2
    assert answers.get(["old"], lambda: 3) == 3


def test_bytes_that_another_link_keeps_are_told(cache: Cache, tmp_path: Path) -> None:
    first = next(item for item in collect(cache, days=0).items if item.kind == "shard")
    os.link(cache.shard(first.name), tmp_path / "linked")
    (again,) = (item for item in collect(cache, days=0).items if item.name == first.name)
    assert again.shared == (tmp_path / "linked").stat().st_size
    assert again.bytes == first.bytes


def test_damaged_files_go_in_the_end(cache: Cache, tmp_path: Path) -> None:
    (key,) = sorted(next(use.shards for use in read_uses(cache) if use.out.name == "kept"))[:1]
    cache.set_aside(key, "for the test")
    assert "damaged" not in {item.kind for item in collect(cache, days=1).items}
    assert "damaged" in {item.kind for item in collect(cache, days=0, delete=True).items}
    assert not list(cache.root.glob("damaged/*"))
    assert (tmp_path / "kept" / "manifest.json").exists()


def test_a_lock_left_by_one_who_died_removing_is_swept_by_the_next_build(
    cache: Cache, tmp_path: Path
) -> None:
    (cache.root / "damaged").mkdir()
    lock = cache.root / "damaged" / "52a2c7118381a7ccbc78f4a34afdfc5db65370a7.lock"
    lock.touch()
    build(cache, tmp_path / "kept", rows_of(*range(10)))
    assert not lock.exists()


def test_what_others_write_stays(cache: Cache) -> None:
    doomed = [item.name for item in collect(cache, days=0).items if item.kind == "shard"]
    with locked(cache.lock(doomed[0])):
        collect(cache, days=0, delete=True)
        assert shards(cache) & set(doomed) == {doomed[0]}


def test_no_build_loses_what_it_counted_on(cache: Cache, tmp_path: Path) -> None:
    from cache_small import SPEC

    plan = Build(cache, "test/other", SPEC, rows_of(*range(10), version={0: 2}))
    assert plan.tasks == ()
    with pytest.raises(CacheError, match="a build is at work"):
        collect(cache, days=0, delete=True)
    assert len(collect(cache, days=0).items) == 6
    plan.finish(tmp_path / "other", {}, {})
    assert {item.kind for item in collect(cache, days=0, delete=True).items} == {"answer", "blob", "work"}


def test_a_damaged_use_stops_it(cache: Cache) -> None:
    path = next((cache.root / "uses").glob("*.json"))
    path.write_bytes(
        path.read_bytes().replace(b"kept", b"kepx").replace(b"gone", b"gonx").replace(b"weig", b"weix")
    )
    with pytest.raises(CacheError, match=r"is damaged: `python cli\.py cache repair`"):
        collect(cache, days=0, delete=True)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_build_that_dies_around_publishing_loses_no_shard_of_the_store_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """Until the new store stands both are needed, whichever it will be."""
    cache, out = Cache(tmp_path / "cache"), tmp_path / "out"
    build(cache, out, rows_of(0, 1))

    def published(*arguments: object) -> None:
        if dies == "after":
            publish(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("cache.build.build.publish", published)
    with pytest.raises(KeyboardInterrupt):
        build(cache, out, rows_of(0, 1, version={0: 2}))
    monkeypatch.undo()
    collect(cache, days=0, delete=True)
    assert build(cache, out, rows_of(0, 1, version={0: 2 if dies == "after" else 1}))[0].asked == []
