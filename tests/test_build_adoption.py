"""A fresh clone after `dvc pull`, with real DVC: what was pulled is taken over, and one changed clip costs one clip."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cache_small import build, bytes_of, rows_of
from test_cache_verify import put
from tiny import Project, content

from cache import Cache, key_of
from cache.upkeep.verify import verify_store
from pipeline.build.adoption import adopt_before_build, at_hand
from pipeline.build.dvc_cache import dvc_file, dvc_files
from pipeline.errors import DatasetError
from pipeline.seals import proven_bytes, write_seals
from pipeline.training.adopted_weights import adopt_learned
from pipeline.upkeep.stores import adopted, collected


def dvc(root: Path, *words: str) -> None:
    """DVC of this environment; its settings lie in the project, not in the user's home."""
    settings = {
        f"DVC_{name}_DIR": str(root / ".dvc" / "tmp" / name) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG")
    }
    environment = {
        **os.environ,
        **settings,
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(root / ".dvc/tmp/site"),
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "dvc", *words]
    ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lab B's project: DVC has the store that lab A made and pushed, and no cache of ours."""
    root = tmp_path_factory.mktemp("labs")
    lab_a, lab_b = root / "a", root / "b"
    lab_a.mkdir()
    build(Cache(root / "theirs"), lab_a / "data/demo/small.zarr", rows_of(*range(10)))
    dvc(lab_a, "init", "--no-scm", "--quiet")
    dvc(lab_a, "remote", "add", "--default", "folder", str(root / "remote"))
    (lab_a / ".dvc/config.local").write_text("[cache]\n    type = hardlink,copy\n")
    stage = {"cmd": "true", "outs": ["data/demo/small.zarr"]}
    (lab_a / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"small": stage}}))
    dvc(lab_a, "commit", "--force", "--quiet")
    dvc(lab_a, "push", "--quiet")
    shutil.copytree(lab_a, lab_b, ignore=shutil.ignore_patterns("data", "cache", "tmp"))
    dvc(lab_b, "pull", "--quiet")
    return lab_b


@pytest.fixture
def lab_b(pulled: Path, tmp_path: Path) -> Path:
    shutil.copytree(pulled, tmp_path / "b")
    return tmp_path / "b"


def test_what_dvc_pulled_is_adopted_though_its_out_is_gone_and_one_row_costs_one_row(lab_b: Path) -> None:
    """DVC deletes an out before its stage runs."""
    out, cache = lab_b / "data/demo/small.zarr", Cache(lab_b / ".harcache")
    before = bytes_of(out)
    shutil.rmtree(out)
    done = adopt_before_build(lab_b, cache, "test/store", out)
    assert done is not None
    assert (done.taken, done.ordered) == (9, True)
    assert not list((cache.root / "work").glob("adopting*"))
    compute, _ = build(cache, out, rows_of(*range(10), version={6: 2}))
    assert compute.asked == ["r006"]
    unchanged = {name for name, data in bytes_of(out).items() if before.get(name) == data}
    assert {"count/c.0", "count/c.2", "count/documents.2", "clip_id/c.0.0"} <= unchanged
    shard = dvc_file(lab_b, out, "count/c.0")
    assert shard is not None
    assert os.path.samefile(shard, out / "count/c.0")  # noqa: PTH121  one file in DVC's cache, ours and the store


def test_weights_that_only_dvc_has_are_read_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DVC deletes weights/demo/backbones before `pretrain` runs; the list of seals in its copy answers for each."""
    out, kept = tmp_path / "weights/demo/backbones", tmp_path / "kept"
    kept.mkdir()
    put(kept / "video_0.pt", b"weights")
    write_seals(kept / "seals.json", [kept / "video_0.pt"])
    monkeypatch.setattr(
        "pipeline.build.adoption.dvc_files",
        lambda *_: {name: kept / name for name in ("video_0.pt", "seals.json")},
    )
    with at_hand(tmp_path, Cache(tmp_path / ".harcache"), out) as folder:
        assert folder is not None
        assert proven_bytes(folder / "video_0.pt") == b"weights"
        put(folder / "video_0.pt", b"changed")
        with pytest.raises(DatasetError, match=r"not what seals\.json beside it says was written"):
            proven_bytes(folder / "video_0.pt")
    assert caplog.text == ""
    assert not list((tmp_path / ".harcache/work").glob("adopting*"))


def test_adopt_without_a_path_takes_what_is_there_and_what_dvc_kept(lab_b: Path) -> None:
    shutil.rmtree(lab_b / "data/demo/small.zarr")
    (done,) = adopted(lab_b, None).parts
    assert "9 shards taken" in str(done)
    assert Cache(lab_b / ".harcache").order("demo/small").exists()
    dvc(lab_b, "checkout", "--quiet")
    assert "0 shards taken (0 bytes), 9 known already" in str(adopted(lab_b, None))


def test_a_store_still_in_its_place_is_adopted_there_and_once(lab_b: Path) -> None:
    out, cache = lab_b / "data/demo/small.zarr", Cache(lab_b / ".harcache")
    assert adopt_before_build(lab_b, cache, "test/store", out) is not None
    assert adopt_before_build(lab_b, cache, "test/store", out) is None


def test_a_damaged_copy_is_told_and_its_rows_are_computed(
    lab_b: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, cache = lab_b / "data/demo/small.zarr", Cache(lab_b / ".harcache")
    shutil.rmtree(out)
    shard = dvc_file(lab_b, out, "count/c.0")
    assert shard is not None
    put(shard, b"x")
    assert adopt_before_build(lab_b, cache, "test/store", out) is None
    assert "computed instead of adopted" in caplog.text
    compute, _ = build(cache, out, rows_of(*range(10)))
    assert len(compute.asked) == 10
    assert not verify_store(out).faults


def test_what_dvc_does_not_have_is_none(lab_b: Path, tmp_path: Path) -> None:
    out = lab_b / "data/demo/small.zarr"
    listed = dvc_files(lab_b, out)
    assert listed is not None
    assert listed.keys() == bytes_of(out).keys()
    assert dvc_file(lab_b, out, "nothing") is None
    assert dvc_files(lab_b, lab_b / "data/demo/other.zarr") is None
    assert dvc_files(tmp_path / "nowhere", out) is None
    shard = dvc_file(lab_b, out, "count/c.0")
    assert shard is not None
    shard.unlink()
    assert dvc_files(lab_b, out) is None
    assert dvc_file(lab_b, out, "count/c.1") is not None


def test_a_clone_without_the_cache_computes_and_trains_nothing(copied: Project) -> None:
    """Every store and all weights are taken over where they lie; the bytes stay."""
    before = {folder: content(folder) for folder in (copied.paths.data, copied.paths.weights)}
    copied.forget_cache()
    for stage in ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train"):
        assert copied.run(stage).made == 0, stage
    assert {folder: content(folder) for folder in before} == before


def test_weights_that_are_not_what_is_told_are_refused(copied: Project, tmp_path: Path) -> None:
    """Also where no seal tells of them, as in weights of before there were seals."""
    folder, cache = copied.paths.weights / "heads", Cache(tmp_path / "cache")
    (folder / "seals.json").unlink()
    documents = json.loads((folder / "documents.json").read_text())
    name = sorted(documents)[0]
    weights = (folder / f"{name}.pt").read_bytes()
    put(folder / f"{name}.pt", weights + b"x")
    with pytest.raises(DatasetError, match=rf"{name}\.pt is not the file"):
        adopt_learned(copied.root, cache, folder)
    put(folder / f"{name}.pt", weights)
    documents[name]["version"] = 99
    put(folder / "documents.json", json.dumps(documents).encode())
    with pytest.raises(DatasetError, match=rf"document of {name} does not give the key"):
        adopt_learned(copied.root, cache, folder)
    assert cache.blobs.find(documents[name]) is None
    assert key_of(documents[name]) not in {path.name for path in cache.root.glob("blobs/*/*")}


def test_gc_keeps_what_the_projects_stores_and_weights_need(copied: Project) -> None:
    """Also where no use tells of them, as in a cache of before there were uses."""
    shutil.rmtree(copied.paths.open_cache().root / "uses")
    assert {item.kind for item in collected(copied.root, delete=True, days=0).items} == {"answer"}
    shutil.rmtree(copied.paths.store("heatmaps"))
    assert {item.kind for item in collected(copied.root, delete=True, days=0).items} - {"answer"} == {"shard"}
    path = copied.paths.weights / "heads" / "trainings.json"
    path.with_name("seals.json").unlink()
    facts = [{n: v for n, v in fact.items() if n != "key"} for fact in json.loads(path.read_text())]
    put(path, json.dumps(facts).encode())
    with pytest.raises(DatasetError, match="of an older harcache"):
        collected(copied.root, delete=True, days=0)
