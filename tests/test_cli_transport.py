"""`cache push` and `cache pull`, in a project that DVC knows, with a folder as the remote."""

import shutil
from pathlib import Path

import pytest
import yaml
from cache_small import Computer, build, bytes_of, rows_of
from labs import Lab, files_in
from typer.testing import CliRunner

import cli
from cache import Cache
from cache.upkeep.verify import verify_store
from pipeline.errors import DatasetError
from pipeline.paths import Paths

STORE = "data/demo/features.zarr"
GRAPH = {
    "features": {"cmd": "make features", "outs": [STORE]},
    "pretrain": {"cmd": "make weights", "outs": ["weights/demo/backbones"]},
    "elsewhere": {"cmd": "make others", "outs": ["data/demo2/samples.zarr"]},
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A store of six rows and weights of `demo`, and a store of `demo2`: each its own stage's out."""
    lab = Lab(tmp_path / "project")
    for folder in ("data/demo", "data/demo2", "weights/demo/backbones"):
        (lab.root / folder).mkdir(parents=True)
    cache = Cache(tmp_path / "cache")
    build(cache, lab.root / STORE, rows_of(*range(6)), Computer())
    build(cache, lab.root / "data/demo2/samples.zarr", rows_of(7), Computer())
    (lab.root / "weights/demo/backbones/video.safetensors").write_bytes(b"learned")
    (lab.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": GRAPH}))
    lab.run("dvc", "init", "--quiet", "--no-scm")
    lab.run("dvc", "commit", "--quiet", "--force")
    for name, value in lab.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "PROJECT", lab.root)
    return lab


def output_of(*args: str, status: int = 0) -> str:
    ran = CliRunner().invoke(cli.app, ["cache", *args])
    assert ran.exit_code == status, ran.output
    return ran.output


def test_push_moves_a_dataset_s_stages_and_pull_brings_them_back(lab: Lab, tmp_path: Path) -> None:
    lab.run("dvc", "remote", "add", "--quiet", "--default", "shelf", str(tmp_path / "shelf"))
    before = bytes_of(lab.root / STORE)
    output = output_of("push", "demo")
    assert "push of features, pretrain: " in output
    contents = {path.read_bytes() for path in (tmp_path / "shelf").rglob("*") if path.is_file()}
    assert set(before.values()) | {b"learned"} <= contents
    others = set(bytes_of(lab.root / "data/demo2/samples.zarr").values()) - set(before.values())
    assert others
    assert not others & contents
    assert "up to date" in output_of("push", "demo", "--remote", "shelf")

    for folder in ("data", "weights", ".dvc/cache"):
        shutil.rmtree(lab.root / folder)
    assert "pull of features, pretrain: " in output_of("pull", "demo", "--remote", "shelf")
    assert bytes_of(lab.root / STORE) == before
    assert not verify_store(lab.root / STORE).faults
    assert files_in(lab.root / "weights") == {"demo/backbones/video.safetensors": 7}
    assert not (lab.root / "data" / "demo2").exists()


def test_what_is_not_set_up_is_told_with_what_to_do(lab: Lab) -> None:
    for what in ("push", "pull"):
        output = output_of(what, "demo", "--remote", "nowhere", status=2)
        assert "remote 'nowhere' doesn't exist" in output
        assert "dvc remote add" in output
    assert "knows no stage that writes data/other/" in output_of("push", "other", status=2)
    (lab.root / "dvc.lock").unlink()
    assert "`dvc repro` writes it" in output_of("push", "demo", status=2)


@pytest.mark.parametrize("name", ["../demo", "a/b", "..", "a\\b"])
def test_a_dataset_s_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="give the name alone"):
        Paths(tmp_path, name)
