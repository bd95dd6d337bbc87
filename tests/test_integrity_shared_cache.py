"""Two projects of one cache: what a repair in one withdraws is named, refused and made anew in the other."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_small import build, bytes_of, rows_of
from test_cli import invoke
from test_integrity_derived import all_older, computed_from, in_array, older_blob
from test_integrity_end_to_end import cache_of, differing, exchange, forget_heads, launder, run
from test_integrity_rows import exchange as exchange_files
from tiny import Project

from cache import Cache
from cache.errors import CacheError, StoreError
from cache.home.withdrawn import read_withdrawn, undamaged_notes
from cache.upkeep.adopt import adopt_store
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache
from cache.upkeep.withdrawal import with_withdrawn

MADE = ("features", "train")


def unlike(project: Project, finished: Project) -> set[str]:
    """Files that differ, but for the pages, which test_integrity_end_to_end has made anew."""
    pages = ("demo/index.html", "demo/pictures/", "demo/report.")
    return {name for name in differing(project, finished) if not name.startswith(pages)}


@pytest.fixture(scope="module")
def laundered(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `two` lies: `as_made` holds it as it was made, for each test to have it anew in the same place."""
    folder = tmp_path_factory.mktemp("two") / "now"
    folder.mkdir()
    here, there = (finished.copy(folder / name) for name in ("here", "there"))
    shutil.rmtree(there.root / ".harcache")
    (here.root / ".harcache").rename(folder / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARCACHE_DIR", str(folder / "cache"))
        launder(here, "features", "video_0")
        for project in (here, there):
            forget_heads(project)
        for project in (here, there):
            run(project, *MADE)
            assert "demo/predictions.parquet" in unlike(project, finished)
        all_older(cache_of(here))
        for path in sorted((cache_of(here).root / "blobs").glob("*/*/record.json")):
            older_blob(path.parent)
        exchange(here, "frames", "r4")
    folder.rename(folder.with_name("as_made"))
    return folder


@pytest.fixture
def two(laundered: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Project, Project]]:
    """Two projects whose features, heads and figures are those of an older harcache that took exchanged features."""
    shutil.copytree(laundered.with_name("as_made"), laundered)
    monkeypatch.setenv("HARCACHE_DIR", str(laundered / "cache"))
    yield Project(laundered / "here"), Project(laundered / "there")
    shutil.rmtree(laundered)


def repaired(project: Project) -> str:
    done = invoke(project, "cache", "repair")
    assert done.exit_code == 0, done.output
    return done.output


def test_the_other_project_is_named_and_finds_and_mends_what_it_holds(
    two: tuple[Project, Project], finished: Project
) -> None:
    here, there = two
    assert invoke(there, "cache", "verify").exit_code == 1
    said = repaired(here)
    assert (
        f"{there.root} shares this cache and holds what was withdrawn from it "
        "(data/demo/features.zarr, weights/demo/heads): run `python cli.py cache repair` there too"
    ) in said
    assert f"{here.root} shares" not in said
    run(here, "pretrain", *MADE)
    assert unlike(here, finished) == set()
    assert invoke(here, "cache", "verify").exit_code == 0

    found = invoke(there, "cache", "verify")
    assert found.exit_code == 1
    assert (
        "video_0/c.0.0.0 (array video_0): made of rows that were another's: withdrawn from the cache by"
        in found.output
    )
    assert f"{there.paths.weights / 'heads'}: " in found.output
    mended = repaired(there)
    for out in ("data/demo/features.zarr", "weights/demo/heads", "reports/demo/metrics.json"):
        assert f"{there.root / out}: removed" in mended
        assert not (there.root / out).exists()
    run(there, *MADE)
    for project in two:
        assert unlike(project, finished) == set()
        assert invoke(project, "cache", "verify").exit_code == 0
        assert "shares this cache" not in repaired(project)


@pytest.mark.parametrize("made_there_first", [True, False])
def test_the_stages_alone_make_it_anew(
    two: tuple[Project, Project], finished: Project, made_there_first: bool
) -> None:
    """Nothing that was withdrawn is read or taken over, whether or not the cache has it again meanwhile."""
    here, there = two
    repaired(here)
    if not made_there_first:
        run(here, "pretrain", *MADE)
    for command in (
        ("train", "demo"),
        ("report", "demo"),
        ("cache", "adopt"),
        ("cache", "repair", str(there.paths.store("features"))),
    ):
        refused = invoke(there, *command)
        assert refused.exit_code == 2, refused.output
        assert "withdrawn from the cache by" in refused.output
        assert "`python cli.py cache repair` removes it" in refused.output
    for path in sorted((cache_of(there).root / "orders").rglob("*.json")):
        path.unlink()  # as in a cache that does not know these stores: they would be adopted
    run(there, "pretrain", "features")
    refused = invoke(there, "report", "demo")
    assert refused.exit_code == 2
    assert "heads is not used" in refused.output
    run(there, "train")
    run(here, "pretrain", "features", "train")
    for project in two:
        assert unlike(project, finished) == set()
        assert invoke(project, "cache", "verify").exit_code == 0


def withdrawn_here(tmp_path: Path) -> tuple[Cache, Path]:
    """A cache that withdrew the rows of a store, which were computed before the rows that they name were exchanged."""
    cache, first, later = Cache(tmp_path / "cache"), tmp_path / "first", tmp_path / "later"
    build(cache, first, rows_of(*range(8)))
    build(cache, later, computed_from(first, "later"))
    all_older(cache)
    one, other = sorted(in_array(cache, "features", "test"))
    exchange_files(cache.shard(one), cache.shard(other))
    assert len(repair_cache(cache).derived) == 6
    return cache, later


def test_what_is_made_anew_and_is_the_same_is_withdrawn_no_longer(tmp_path: Path) -> None:
    """The record told of no proof, so the rows went; they were right."""
    cache, later = withdrawn_here(tmp_path)
    whole = bytes_of(later)
    found = with_withdrawn(cache, verify_store(later)).faults
    assert len(found) == 6
    assert {row for fault in found for row in fault.rows} == {f"r{number:03d}" for number in range(8)}
    with pytest.raises(StoreError, match="withdrawn from the cache by"):
        adopt_store(later, cache)
    build(cache, tmp_path / "first", rows_of(*range(8)))
    build(cache, tmp_path / "again", computed_from(tmp_path / "first", "later"))
    assert bytes_of(tmp_path / "again") == whole
    assert with_withdrawn(cache, verify_store(later)).faults == ()
    assert adopt_store(later, cache).taken == 0


def test_a_damaged_note_is_named_and_nothing_is_taken_over_until_it_is_gone(tmp_path: Path) -> None:
    cache, later = withdrawn_here(tmp_path)
    (note,) = (cache.root / "withdrawn").glob("*.json")
    told = json.loads(note.read_bytes())
    assert told["contents"].keys() >= {key for key, _ in read_withdrawn(cache).noted}
    note.write_bytes(note.read_bytes().replace(b'"user"', b'"USER"'))
    assert [fault.place for fault in verify_cache(cache).faults] == [f"withdrawn/{note.name}"]
    with pytest.raises(CacheError, match="is damaged"):
        adopt_store(later, cache)
    repair_cache(cache)
    assert verify_cache(cache).faults == ()
    assert undamaged_notes(cache).damaged == ()
