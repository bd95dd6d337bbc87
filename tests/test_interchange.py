"""docs/interchange.md as its readers meet it: its snippets, and its commands one after the other."""

import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from cache_small import Computer, build, bytes_of, rows_of
from house import HOUSE
from test_datasets_pyskl import NTU, SPLIT, annotation, dumped, indexed, ntu_file
from tiny import tiny_params
from typer.testing import CliRunner, Result

import cli
from cache import Cache, Row
from pipeline.paths import Paths

TEXT = (HOUSE / "docs" / "interchange.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with one store of six rows, data/demo/features.zarr."""
    monkeypatch.setattr(cli, "PROJECT", tmp_path)
    monkeypatch.delenv("HARCACHE_DIR", raising=False)
    build(Cache(tmp_path / ".harcache"), tmp_path / "data/demo/features.zarr", rows_of(*range(6)),
          Computer(bad=frozenset({"r000"})))  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return tmp_path


def output_of(*args: str, status: int = 0) -> str:
    ran: Result = CliRunner().invoke(cli.app, list(args))
    assert ran.exit_code == status, ran.output
    return ran.output


def test_the_snippets_read_what_was_exported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("zip", "h5", "parquet"):
        assert "digest" in output_of("cache", "export", "data/demo/features.zarr", f"features.{ending}")
    capsys.readouterr()
    assert len(SNIPPETS) == 4
    for snippet in SNIPPETS[:3]:  # safetensors is no dependency; tests/test_cache_export_foreign.py
        exec(compile(snippet, "interchange.md", "exec"), {})
    output = capsys.readouterr().out.splitlines()
    assert output[0].startswith("small {")
    assert "'features': (6, 5)" in output[0]
    assert output[1:] == ["small (6, 5) ['clip', 'channel']", "r001 1 [1. 2. 3. 4. 5.]", "(5, 5) ['r000']"]
    written = sorted(path.name for path in project.glob("features*"))
    assert written == ["features.h5", "features.parquet", "features.zip"]


def test_export_import_and_diff(project: Path) -> None:
    output_of("cache", "export", "data/demo/features.zarr", "features.zip")
    output = output_of("cache", "import", "features.zip", "--to", "data/other/features.zarr")
    assert "6 rows" in output
    assert "6 known already" in output
    assert bytes_of(project / "data/other/features.zarr") == bytes_of(project / "data/demo/features.zarr")
    assert (project / ".harcache/orders/other/features.json").exists()
    assert "agree" in output_of("cache", "diff", "data/demo/features.zarr", "data/other/features.zarr")
    output_of("cache", "import", "features.zip", "--to", "elsewhere/a.zarr", "--no-adopt")
    build(Cache(project / "lab"), project / "b.zarr", rows_of(*range(5)))
    output = output_of("cache", "diff", "--json", "data/demo/features.zarr", "b.zarr", status=1)
    assert json.loads(output)["only_a"] == ["r005"]
    refused = output_of("cache", "import", "features.zip", "--to", "c.zarr", "--digest", "0" * 40, status=2)
    assert "is another store" in refused


def test_merge_and_its_refusal(project: Path) -> None:
    for name, numbers in (("a", (0, 1)), ("b", (2, 3)), ("c", (3, 4))):
        rows = [
            Row(row.id, {array: {"inputs": {"video": row.id}} for array in row.docs})
            for row in rows_of(*numbers)
        ]
        build(Cache(project / name), project / f"{name}.zarr", rows)
    assert "5 rows from 2 + 2 + 2" in output_of(
        "cache", "merge", "a.zarr", "b.zarr", "c.zarr", "--to", "out.zarr"
    )
    output = output_of("cache", "merge", "a.zarr", "data/demo/features.zarr", "--to", "no.zarr", status=2)
    assert "made by other recipes" in output
    assert not (project / "no.zarr").exists()


def test_a_pickle_becomes_a_dataset_and_leaves_again(project: Path) -> None:
    ntu_file(project / "given")
    output = output_of("pyskl", "import", "given/annotations.pkl", "hrnet")
    assert "6 clips of coco_17, 0 unusable; protocols: xsub" in output
    params, printed = tiny_params(), yaml.safe_load(output[output.index("presets:") :])
    params["presets"] = {"hrnet": {**params["presets"]["demo"], **printed["presets"]["hrnet"]}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cache.recipes.Recipes.check", lambda *_: None)  # another test's business
        assert "6 clips made" in output_of("index", "hrnet")
    assert "6 annotations" in output_of("pyskl", "export", "hrnet", "--out", "back.pkl")
    found = pickle.loads((project / "back.pkl").read_bytes())
    assert [one["frame_dir"] for one in found["annotations"]] == NTU
    assert "joints must be one of ['2d', '3d']" in output_of(
        "pyskl", "export", "hrnet", "--out", "no.pkl", "--joints", "4d", status=2
    )
    assert "is there already" in output_of("pyskl", "import", "given/annotations.pkl", "hrnet", status=2)


def test_a_hostile_file_ends_in_a_message(project: Path) -> None:
    with zipfile.ZipFile(project / "bad.zip", "w") as archive:
        archive.writestr("../x", b"x")
    output = output_of("cache", "import", "bad.zip", "--to", "c.zarr", status=2)
    assert output.startswith("ArchiveError: bad.zip: '../x' is no name of a store's file")
    (project / "bad.pkl").write_bytes(pickle.dumps({"annotations": np.array([Path("x")], object)}))
    assert "PickleError: bad.pkl: byte" in output_of("pyskl", "import", "bad.pkl", "bad", status=2)
    assert not (project / "data/raw/bad").exists()


def test_two_labs_that_index_half_each(project: Path) -> None:
    """Real recipes: what two labs' stages wrote, put together, is what one lab's would have."""
    halves = {"a": NTU[:3], "b": NTU[1:], "whole": NTU}
    for lab, names in halves.items():
        found = {"split": SPLIT, "annotations": [annotation(name, int(name[-1]) - 1) for name in names]}
        dumped(Paths(project / lab, "ntu").raw / "annotations.pkl", found)
        indexed(project / lab, "ntu")
    stores = [f"{lab}/data/ntu/skeletons.zarr" for lab in halves]
    assert "6 rows from 3 + 5" in output_of("cache", "merge", *stores[:2], "--to", "both.zarr")
    assert "agree: 30 rows of 5 arrays compared" in output_of("cache", "diff", "both.zarr", stores[2])
