"""DVC's cache is where DVC says that it is; what cannot be read is told, with the way on."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from house import HOUSE

from pipeline.build.dvc_cache import dvc_file, dvc_files, dvc_outs
from pipeline.errors import DatasetError

LEVELS = ("system", "global", "config", "config.local")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose dvc.lock names a folder of one file and a file; settings of its own at every level."""
    for level in ("system", "global"):
        (tmp_path / level).mkdir()
        monkeypatch.setenv(f"DVC_{level.upper()}_CONFIG_DIR", str(tmp_path / level))
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    outs = [{"path": "data/a.zarr", "md5": listing()[0]}, {"path": "data/b.parquet", "md5": md5(b"b")}]
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"one": {"cmd": "true", "outs": outs}}}))
    return root


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def listing() -> tuple[str, bytes]:
    data = json.dumps([{"md5": md5(b"inner"), "relpath": "x/c.0"}]).encode()
    return f"{md5(data)}.dir", data


def fill(cache: Path) -> None:
    """DVC's cache with all that the lock names."""
    for name, data in (listing(), (md5(b"inner"), b"inner"), (md5(b"b"), b"b")):
        path = cache / "files" / "md5" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def config(root: Path, level: str) -> Path:
    return root / ".dvc" / level if level.startswith("config") else root.parent / level / "config"


def found(root: Path) -> bytes | None:
    copy = dvc_file(root, root / "data/b.parquet")
    return None if copy is None else copy.read_bytes()


def test_without_settings_it_is_where_dvc_begins_one(root: Path) -> None:
    assert found(root) is None
    fill(root / ".dvc" / "cache")
    assert found(root) == b"b"
    files = dvc_files(root, root / "data/a.zarr")
    assert files is not None
    assert {name: path.read_bytes() for name, path in files.items()} == {"x/c.0": b"inner"}
    assert dvc_file(root, root / "data/a.zarr", "x/c.0") == files["x/c.0"]
    assert dvc_outs(root) == [root / "data/a.zarr", root / "data/b.parquet"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["shared", "50 % of it", "ünïcode #1 = [x]"])
def test_any_level_tells_and_any_character_may_stand_in_it(root: Path, level: str, name: str) -> None:
    config(root, level).write_text(f'[cache]\n    dir = "{root.parent / name}"\n')
    fill(root.parent / name)
    assert found(root) == b"b"


def test_the_nearer_level_wins_and_is_relative_to_its_own_folder(root: Path) -> None:
    for number, level in enumerate(LEVELS):
        config(root, level).write_text(f"[cache]\n    dir = ../here-{number}\n")
    fill(root / "here-3")
    assert found(root) == b"b"


def test_a_project_below_dvcs_own_folder(root: Path) -> None:
    inner = root / "below" / "inner"
    inner.mkdir(parents=True)
    (root / "dvc.lock").rename(inner / "dvc.lock")
    fill(root / ".dvc" / "cache")
    assert found(inner) == b"b"


def test_settings_that_dvc_refuses_are_told(root: Path) -> None:
    config(root, "config").write_text("[cache]\n    dir = a\n[cache]\n    dir = b\n")
    with pytest.raises(DatasetError, match="DVC's settings cannot be read: config file error"):
        found(root)


@pytest.mark.parametrize(
    "garbled", [b"\x00\xff", b"stages: [", b"[]", b"stages: {one: {outs: [{md5: 1}]}}", b""]
)
def test_a_garbled_lock_is_told_with_the_way_on(root: Path, garbled: bytes) -> None:
    (root / "dvc.lock").write_bytes(garbled)
    with pytest.raises(DatasetError, match=r"dvc\.lock cannot be read .*git checkout dvc\.lock"):
        dvc_outs(root)


def test_a_damaged_list_of_dvcs_is_not_used(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(root / ".dvc" / "cache")
    name, data = listing()
    (root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]).write_bytes(
        data.replace(b"x/c", b"y/c")
    )
    assert dvc_files(root, root / "data/a.zarr") is None
    assert "is damaged and not used" in caplog.text


def test_dvc_is_imported_only_where_it_is_asked() -> None:
    code = (
        "import sys, cli, pipeline.upkeep.stores, pipeline.exchange.transport; sys.exit('dvc' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=HOUSE, check=False).returncode == 0
