"""Two shards that exchanged their contents, through the commands: found by every stage, and nothing of them is left."""

import json
import os
import shutil
from pathlib import Path

from test_cli import invoke
from test_integrity_derived import all_older, older, older_blob
from tiny import Project, content, replace_file

from cache.home.home import Cache
from cache.keys import sealed
from cache.shards.records import read_record_document
from cache.store.parts import read_parts
from cache.upkeep.faults import Hashes

LATER = ("features", "train")
"""The stages after what is damaged here."""


def cache_of(project: Project) -> Cache:
    return project.paths.open_cache()


def shards(project: Project, store: str, array: str) -> list[tuple[str, Path]]:
    """The first two blocks of an array: key in the cache, and file in the store."""
    parts = read_parts(project.paths.store(store))
    folder, part = parts.folder, parts.arrays[array]
    return [(parts.shard_key(array, block), folder / part.shard(block)) for block in (0, 1)]


def exchange(project: Project, store: str, array: str, *, times_set_back: bool = False) -> None:
    """What store and cache share changes places, and takes its times along."""
    (one, first), (other, second) = shards(project, store, array)
    found = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (first, second)}
    assert found[first][0] != found[second][0]
    for key, path, by in ((one, first, second), (other, second, first)):
        replace_file(path, found[by][0])
        time = found[path if times_set_back else by][1]
        os.utime(path, ns=(time, time))
        path.chmod(0o444)
        cache_of(project).shard(key).unlink()
        os.link(path, cache_of(project).shard(key))


def launder(project: Project, store: str, array: str) -> None:
    """As an older harcache left it: the two blocks hold each other's rows, and their records say that this is right."""
    exchange(project, store, array)
    cache = cache_of(project)
    for key, _ in shards(project, store, array):
        older(cache.record(key))
        document = read_record_document(cache.record(key))
        document.pop("seal", None)
        document["size"], document["digest"] = Hashes().of(cache.shard(key))
        replace_file(cache.record(key), sealed(document))
        cache.documents(key).unlink()


def forget_heads(project: Project) -> None:
    """What `train` learned, so that it learns it again."""
    trainings = json.loads((project.paths.weights / "heads" / "trainings.json").read_bytes())
    for key in (fact["key"] for fact in trainings):
        shutil.rmtree(cache_of(project).blobs.folder(key), ignore_errors=True)
    shutil.rmtree(project.paths.weights / "heads")


def results(project: Project) -> dict[str, bytes]:
    """Every file that the stages wrote."""
    folders = (project.paths.data, project.paths.weights, project.paths.reports)
    return {name: data for folder in folders for name, data in content(folder).items()}


def differing(project: Project, other: Project) -> list[str]:
    ours, theirs = results(project), results(other)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def edit(project: Project) -> None:
    """One test clip gets another clip's video."""
    videos = sorted(project.raw.rglob("*P003*.avi"))
    replace_file(videos[3], videos[4].read_bytes())


def run(project: Project, *stages: str) -> None:
    for stage in stages:
        done = invoke(project, stage, "demo")
        assert done.exit_code == 0, done.output


def test_an_exchange_and_an_edited_clip(copied: Project, finished: Project, tmp_path: Path) -> None:
    """Each stage makes anew what it would have copied or read: not one byte is that of the exchange."""
    twin = finished.copy(tmp_path / "twin")
    for project in (copied, twin):
        edit(project)
    for store, array in (("frames", "r4"), ("features", "video_0"), ("features", "skeleton_0")):
        exchange(copied, store, array)
    for project in (copied, twin):
        run(project, "index", "sample", "crop", "heatmaps", "pretrain", *LATER)
    assert differing(copied, twin) == []
    assert invoke(copied, "cache", "verify").exit_code == 0


def test_train_refuses_an_exchanged_store_and_the_advice_is_enough(
    copied: Project, finished: Project
) -> None:
    forget_heads(copied)
    exchange(copied, "features", "video_0", times_set_back=True)
    refused = invoke(copied, "train", "demo")
    assert refused.exit_code == 2
    assert "`cache repair` mends it" in refused.output
    assert "Traceback" not in refused.output
    assert invoke(copied, "cache", "repair").exit_code == 0
    run(copied, "train")
    assert differing(copied, finished) == []


def test_what_an_older_harcache_made_of_it_goes_down_to_the_metrics(
    copied: Project, finished: Project
) -> None:
    """Features computed from exchanged frames, under valid records, and heads and figures made of those."""
    launder(copied, "features", "video_0")
    forget_heads(copied)
    run(copied, *LATER, "report")
    wrong = set(differing(copied, finished))
    assert {"demo/predictions.parquet", "demo/index.html"} <= wrong
    all_older(cache_of(copied))
    for path in sorted((cache_of(copied).root / "blobs").glob("*/*/record.json")):
        older_blob(path.parent)
    exchange(copied, "frames", "r4")

    result = invoke(copied, "cache", "verify")
    assert result.exit_code == 1
    assert "made of rows of a shard that held another's" in result.output
    assert "learned from rows that were another's" in result.output
    mended = invoke(copied, "cache", "repair")
    assert mended.exit_code == 0, mended.output
    for out in ("data/demo/features.zarr", "weights/demo/heads", "reports/demo/metrics.json"):
        assert f"{copied.root / out}: removed" in mended.output
        assert not (copied.root / out).exists()
    run(copied, "pretrain", *LATER, "report")
    assert differing(copied, finished) == []
    assert invoke(copied, "cache", "verify").exit_code == 0
