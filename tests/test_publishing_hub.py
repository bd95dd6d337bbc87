"""`cache publish --to hf://…` through huggingface_hub itself, against a stand-in for the Hub that the test starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_small import build, bytes_of, rows_of
from house import HOUSE
from hub_server import TOKEN, Hub, hub

from cache import Cache, StoreError, harstore
from pipeline.errors import DatasetError
from pipeline.exchange.hub import place_at

pytest.importorskip("huggingface_hub", reason="make foreign installs it")

TO = "hf://datasets/lab/set"


@pytest.fixture
def there() -> Iterator[Hub]:
    with hub() as state:
        yield state


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Six rows in two shards an array."""
    build(Cache(tmp_path / "cache"), tmp_path / "a.zarr", rows_of(*range(6)))
    return tmp_path / "a.zarr"


def publishing(there: Hub, store: Path, *, token: str = TOKEN, to: str = TO) -> "subprocess.Popen[str]":
    """The command in a process of its own: huggingface_hub reads its settings as it is imported."""
    settings = {
        "HF_ENDPOINT": there.url,
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(store.parent),
    }
    settings |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    words = ("cache", "publish", store.name, "--to", to, "--licence", "MIT", "--creator", "A. Lab")
    return subprocess.Popen(
        [sys.executable, str(HOUSE / "cli.py"), *words],
        cwd=store.parent,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def published(there: Hub, store: Path) -> str:
    process = publishing(there, store)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def test_a_publication_is_one_commit_and_a_second_moves_what_changed(
    there: Hub, store: Path, tmp_path: Path
) -> None:
    first = published(there, store)
    address = f"{there.url}/datasets/lab/set/resolve/main/a.zarr"
    assert f"open it: harstore.open('{address}')" in first
    assert there.commits == 1
    held = {
        name.removeprefix("a.zarr/"): data
        for name, data in there.files["lab/set"].items()
        if "a.zarr/" in name
    }
    mine = bytes_of(store)
    assert held.keys() == mine.keys()
    assert {name for name in mine if held[name] != mine[name]} == {"zarr.json", "manifest.json"}
    beside = {name for name in there.files["lab/set"] if not name.startswith("a.zarr/")}
    assert beside == {
        *(
            ".gitattributes",
            "CITATION.cff",
            "README.md",
            "croissant.json",
            "datacite.json",
            "versions/1.0.0.json",
        ),
    }
    with harstore.open(address) as reader:
        assert reader["features"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    there.sent.clear()
    published(there, store)
    assert (there.commits, there.sent) == (1, [])  # not even a commit
    uploads = len(there.uploaded)
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6), version={1: 2}))
    second = published(there, store)
    assert "version 1.0.1" in second
    changed = {f"a.zarr/{name}" for name, data in bytes_of(store).items() if data != mine.get(name)}
    assert {name for name in there.sent if name.startswith("a.zarr/")} == changed
    assert len(there.uploaded) - uploads < uploads / 2
    with harstore.open(address) as reader:
        assert len(reader) == 6
    build(Cache(tmp_path / "anew"), store, rows_of(0, 1, 2, 3))  # one shard an array
    there.sent.clear()
    assert "6 removed" in published(there, store)
    assert sum(name.startswith("-a.zarr/") for name in there.sent) == 6


def test_a_publication_that_was_killed_leaves_what_was_there(there: Hub, store: Path, tmp_path: Path) -> None:
    """Killed at the third of its uploads: nothing opens before the first commit, after it the old version does."""
    address = f"{there.url}/datasets/lab/set/resolve/main/a.zarr"

    def killed() -> None:
        before, process = len(there.uploaded), publishing(there, store)
        there.on_upload = lambda number: process.kill() if number >= before + 2 else None
        process.communicate()
        assert process.returncode == -9
        there.on_upload = lambda _: None

    killed()
    assert there.commits == 0
    with pytest.raises(StoreError, match=r"manifest\.json"):
        harstore.open(address)
    published(there, store)
    with harstore.open(address) as reader:
        digest = reader.card.digest
    build(Cache(tmp_path / "other"), store, rows_of(*range(6), version=dict.fromkeys(range(6), 3)))
    killed()
    with harstore.open(address) as reader:
        assert reader.card.digest == digest
    assert there.commits == 1


def test_who_may_not_write_is_told_what_to_do(there: Hub, store: Path) -> None:
    process = publishing(there, store, token="hf_nobody")
    output, _ = process.communicate()
    assert process.returncode == 2
    assert "the Hub refuses" in output
    assert "hf auth login" in output
    assert there.files == {}


@pytest.mark.parametrize("to", ["hf://lab/set", "hf://datasets/set", "hf://buckets/lab/set"])
def test_what_is_no_dataset_is_refused(to: str) -> None:
    with pytest.raises(DatasetError, match="expected hf://datasets/USER/NAME"):
        place_at(to)
