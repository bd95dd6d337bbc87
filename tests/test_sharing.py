"""Labs that share features, end to end: docs/sharing.md as tests, with remotes that are really there.

Lab A made the features. Lab B has none of A's recordings: it trains on the features, adds clips of its own and
publishes them. Lab C reads three clips from a web server. Lab D has the recordings and changes one.
"""

import shutil
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from labs import BUCKET, Lab, files_in, first_lab, s3_server
from serving import serving
from tiny import STAGES, Project, content, replace_file

from cache import open_store, reader
from cache.exchange.merge import merge_stores
from cache.upkeep.verify import verify_store

SHARED = ("index", "pretrain", "features")
"""Stages whose outs are enough to train heads: catalog, skeletons, backbones, features. No pictures of anyone."""
OWN = ("S002C001P002R001A001", "S002C001P002R001A002", "S002C001P004R001A001")
"""Clips that lab B recorded."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all labs reach."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """A running S3 server."""
    with s3_server() as url:
        yield url


@pytest.fixture(scope="module")
def lab_a(finished: Project, shelf: Path, cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """It made the features, and pushed them to both remotes."""
    remotes = {
        "shelf": {"url": str(shelf)},
        "cloud": {"url": f"s3://{BUCKET}/dvc", "endpointurl": cloud},
    }
    lab = first_lab(tmp_path_factory.mktemp("labs") / "a", finished, remotes)
    lab.run("dvc", "push", "--quiet", "--remote", "shelf")
    lab.run("dvc", "push", "--quiet", "--remote", "cloud", *SHARED)
    return lab


@pytest.fixture(scope="module")
def lab_b(lab_a: Lab) -> Lab:
    """A fresh clone that pulled what it needs from S3."""
    lab = lab_a.clone(lab_a.root.with_name("b"))
    lab.run("dvc", "pull", "--quiet", "--remote", "cloud", *SHARED)
    return lab


def test_lab_b_trains_heads_without_any_recording(lab_b: Lab, finished: Project) -> None:
    assert not (lab_b.root / "data" / "raw").exists()
    assert not lab_b.project.paths.store("frames").exists()
    output = lab_b.run("dvc", "repro", "--allow-missing", "train")
    assert [stage for stage in STAGES if f"Running stage '{stage}'" in output] == ["train"]
    for name in ("metrics.json", "predictions.parquet"):
        ours, theirs = (project.paths.reports / name for project in (lab_b.project, finished))
        assert ours.read_bytes() == theirs.read_bytes()


def test_lab_b_adds_clips_of_its_own_and_publishes(
    lab_b: Lab, shelf: Path, tmp_path: Path, recordings: Path
) -> None:
    own = recorded_by_b(tmp_path / "own", recordings)
    shutil.copytree(lab_b.project.paths.weights / "backbones", own.paths.weights / "backbones")
    own.run_all("index", "sample", "crop", "features")
    both = lab_b.root / "shared" / "features.zarr"
    theirs = lab_b.project.paths.store("features")
    merged = merge_stores([theirs, own.paths.store("features")], both)
    assert merged.total == len(open_store(theirs)) + len(OWN)

    before = md5s_on(shelf)
    lab_b.run("dvc", "add", "--quiet", "shared/features.zarr")
    lab_b.run("dvc", "push", "--quiet", "--remote", "shelf", "shared/features.zarr")
    moved = md5s_on(shelf) - before
    assert moved == set(md5s(both).values()) - before
    arrays = open_store(both).arrays
    shards = [digest for name, digest in md5s(both).items() if name.split("/")[1] in arrays and "/c." in name]
    assert sum(digest in moved for digest in shards) == merged.written
    assert sum(digest not in moved for digest in shards) == merged.linked > 0

    lab_b.run("git", "add", "--all")
    lab_b.run("git", "commit", "--quiet", "--message", "Three clips more")
    elsewhere = lab_b.clone(tmp_path / "elsewhere")
    elsewhere.run("dvc", "pull", "--quiet", "--remote", "shelf", "shared/features.zarr")
    published = elsewhere.root / "shared" / "features.zarr"
    assert not verify_store(published).faults
    with reader.open(published) as store:
        assert set(OWN) < set(store.ids)
        mine = open_store(own.paths.store("features"))
        for clip_id in OWN:
            for array, values in store.clip(clip_id).items():
                assert np.array_equal(values, mine.read_row(array, clip_id))


def recorded_by_b(root: Path, recordings: Path) -> Project:
    """A project with three clips under names that lab A has not; what they show is of no matter here."""
    project = Project(root)
    for number, clip_id in enumerate(OWN):
        source = f"S001C002P002R001A00{number + 1}"
        for folder, ending in (("nturgb+d_rgb", "_rgb.avi"), ("nturgb+d_skeletons", ".skeleton")):
            target = project.raw / folder / f"{clip_id}{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(recordings / folder / f"{source}{ending}", target)
    project.set_params()
    return project


def test_lab_c_reads_three_clips_over_http(lab_a: Lab) -> None:
    with serving(lab_a.root / "data" / "demo") as web:
        store = reader.open(f"{web.url}/frames.zarr")
        wanted = store.ids[3], store.ids[20], store.ids[40]
        whole = open_store(lab_a.project.paths.store("frames"))
        for clip_id in wanted:
            assert np.array_equal(store.clip(clip_id)["r4"], whole.read_row("r4", clip_id))
        store.close()
    size = sum(files_in(lab_a.project.paths.store("frames")).values())
    assert web.bytes < size / 5
    assert web.bytes == store.meter.bytes


def test_lab_d_changes_one_clip_and_moves_one_shard(lab_a: Lab, shelf: Path, tmp_path: Path) -> None:
    lab = lab_a.clone(tmp_path / "d")
    shutil.copytree(lab_a.root / "data" / "raw", lab.root / "data" / "raw")
    lab.run("dvc", "pull", "--quiet", "--remote", "shelf", *STAGES[:4])
    assert not (lab.root / ".harcache").exists()
    videos = lab.project.raw / "nturgb+d_rgb"
    first, third = (videos / f"S001C002P002R001A00{n}_rgb.avi" for n in (1, 3))  # of one length, other pixels
    replace_file(first, third.read_bytes())
    output = lab.run("dvc", "repro", "crop")
    assert "index: 1 clips made, 57 from cache" in output
    assert "crop: 1 clips made, 57 from cache" in output

    before = md5s_on(shelf)
    lab.run("dvc", "push", "--quiet", "--remote", "shelf", "crop")
    moved = md5s_on(shelf) - before
    frames = md5s(lab.project.paths.store("frames"))
    assert moved == set(frames.values()) - before
    assert len([name for name, digest in frames.items() if "/r4/c." in name and digest in moved]) == 1


def md5s(store: Path) -> dict[str, str]:
    """What DVC calls each file of a store."""
    return {name: md5(data).hexdigest() for name, data in content(store).items()}


def md5s_on(remote: Path) -> set[str]:
    """The files on a folder remote; DVC's own lists of folders aside."""
    return {name.replace("/", "")[-32:] for name in files_in(remote) if not name.endswith(".dir")}
