"""Damage, a full disk and garbled files met by the commands: their own words, status 2 and the way on, no traceback."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from failing import ended
from test_cli import invoke
from test_integrity_end_to_end import cache_of, differing, exchange, forget_heads, run, shards
from tiny import Project, replace_file

from pipeline.seals import SEALS

STORE = "data/demo/features.zarr"
CLIP = "S001C002P002R001A004"


def refused(project: Project, *words: str) -> str:
    """What the command says where it refuses; no traceback, and nothing but the two ends that are ours."""
    done = invoke(project, *words)
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    return done.output


EXCHANGED: dict[str, tuple[str, ...]] = {
    "adopt": ("adopt", STORE),
    "export": ("export", STORE, "out.zip"),
    "export of h5": ("export", STORE, "out.h5"),
    "import": ("import", "copy.zarr", "--to", "imported.zarr"),
    "merge": ("merge", "copy.zarr", STORE, "--to", "out.zarr"),
}


@pytest.mark.parametrize("name", EXCHANGED)
def test_no_command_takes_an_exchanged_shard(
    copied: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(copied.root)
    exchange(copied, "features", "video_0", times_set_back=True)
    shutil.copytree(STORE, "copy.zarr")
    files = sorted(Path().rglob("*"))
    output = refused(copied, "cache", *EXCHANGED[name])
    assert "video_0" in output
    assert sorted(Path().rglob("*")) == files


@pytest.mark.parametrize("array", ["r4", "box_r4"])
def test_features_refuse_exchanged_frames_or_do_not_read_them(
    copied: Project, finished: Project, array: str
) -> None:
    """Pixels are read, and refused; the boxes are the report's alone."""
    for key, _ in (*shards(copied, "features", "video_0"), *shards(copied, "features", "skeleton_0")):
        cache_of(copied).discard(key)
    shutil.rmtree(copied.root / STORE)
    exchange(copied, "frames", array, times_set_back=True)
    done = invoke(copied, "features", "demo")
    assert done.exit_code == (2 if array == "r4" else 0), done.output
    assert invoke(copied, "cache", "repair").exit_code == 0
    run(copied, "features", "train")
    assert differing(copied, finished) == []


HISTORIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no list": lambda fact: fact.update(history=7),
    "no epochs": lambda fact: fact.update(history=[]),
    "words": lambda fact: fact.update(history=["a", "b"]),
    "an epoch without its loss": lambda fact: fact["history"][0].pop("train_loss"),
    "an epoch of words": lambda fact: fact["history"][0].update(lr="fast"),
    "no such epoch": lambda fact: fact.update(best_epoch=99),
    "best epoch a word": lambda fact: fact.update(best_epoch="last"),
    "gone": lambda fact: fact.pop("history"),
}


@pytest.mark.parametrize("garbled", HISTORIES)
def test_a_garbled_history_of_an_older_harcache_is_told(
    copied: Project, finished: Project, garbled: str
) -> None:
    """No list answers for trainings.json, so it is taken for what it says: `features` and `train` say what is wrong."""
    folder = copied.paths.weights / "backbones"
    (folder / SEALS).unlink()
    facts = json.loads((folder / "trainings.json").read_bytes())
    HISTORIES[garbled](facts[0])
    replace_file(folder / "trainings.json", json.dumps(facts).encode())
    output = [refused(copied, stage, "demo") for stage in ("train", "features")]
    assert all("trainings.json" in words and "`python cli.py pretrain demo`" in words for words in output)
    run(copied, "pretrain", "train")
    assert differing(copied, finished) == []


CURVES = {
    "no table": b"\x00\xff{",
    "another table": b"a,b\n1,2\n",
    "words": b"phase,method,seed,epoch,lr,train_loss,val_accuracy\nx,y,z,w,v,u,t\n",
    "empty": b"",
}


@pytest.mark.parametrize("garbled", CURVES)
def test_garbled_curves_are_told_by_report(copied: Project, finished: Project, garbled: str) -> None:
    replace_file(copied.paths.reports / "curves.csv", CURVES[garbled])
    assert "curves.csv" in refused(copied, "report", "demo")
    (copied.paths.reports / f"train.{SEALS}").unlink()
    output = refused(copied, "report", "demo")
    assert "curves.csv" in output
    assert "train demo" in output
    run(copied, "train")
    assert differing(copied, finished) == []


@pytest.mark.parametrize("stage", ["pretrain", "train"])
def test_a_garbled_history_in_the_cache_is_learned_again(
    copied: Project, finished: Project, stage: str
) -> None:
    kind = {"pretrain": "backbones", "train": "heads"}[stage]
    trainings = json.loads((copied.paths.weights / kind / "trainings.json").read_bytes())
    for fact in trainings:
        blob = copied.root / ".harcache/blobs" / fact["key"][:2] / fact["key"]
        replace_file(blob / "history.json", b'{"epochs": [')
    shutil.rmtree(copied.paths.weights / kind)
    run(copied, stage)
    assert differing(copied, finished) == []


FULL = {
    "index": (3, 9, 30),
    "crop": (2, 11, 40),
    "pretrain": (2, 8, 25),
    "train": (4, 31, 92),
    "report": (15,),
}


LEARNING = pytest.mark.skipif(
    os.environ["OMP_NUM_THREADS"] != "1",
    reason="a forked child has none of OpenMP's threads, and waits for them",
)


@pytest.mark.parametrize(
    "stage", [pytest.param(s, marks=LEARNING) if s in ("pretrain", "train") else s for s in FULL]
)
def test_a_full_disk_ends_a_stage_with_its_own_words(copied: Project, finished: Project, stage: str) -> None:
    """Whichever writing finds it full; the same command then goes on to the undisturbed bytes."""
    if stage == "train":
        forget_heads(copied)
    elif stage == "pretrain":
        shutil.rmtree(copied.root / ".harcache/blobs")
        shutil.rmtree(copied.paths.weights / "backbones")
    elif stage != "report":
        shutil.rmtree(copied.root / ".harcache")

    def run_stage() -> None:
        done = invoke(copied, stage, "demo")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 2), done.output
        if done.exit_code == 2:
            assert "[Errno 28]" in done.output
            assert "again" in done.output
            raise OSError("as the command ended")

    results = {ended(run_stage, at, "full") for at in FULL[stage]}
    assert "told" in results
    run(copied, stage)
    assert differing(copied, finished) == []


@pytest.mark.parametrize("garbled", [b"not a database", b""])
def test_broken_helps_stop_no_command(copied: Project, finished: Project, garbled: bytes) -> None:
    helps = [path for name in ("digests", "index") for path in (cache_of(copied).root / name).glob("*")]
    assert helps
    for path in helps:
        replace_file(path, garbled)
    assert invoke(copied, "cache", "why", CLIP).exit_code == 0
    run(copied, "index", "crop", "features")
    assert differing(copied, finished) == []
    for path in helps:
        replace_file(path, garbled)
    assert "index/" in invoke(copied, "cache", "verify").output
    assert invoke(copied, "cache", "repair").exit_code == 0
    assert invoke(copied, "cache", "verify").exit_code == 0


def test_why_needs_no_writable_cache(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal is made up: of a read-only disk."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: int, **more: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) and ".harcache" in str(path):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    done = invoke(copied, "cache", "why", CLIP)
    assert done.exit_code == 0, done.output
    assert "hit: present params and files give the same key" in done.output


@pytest.mark.parametrize("garbled", [b"\x00\xff", b"stages: [", b"[]"])
def test_a_garbled_dvc_lock_is_told_by_adopt(copied: Project, garbled: bytes) -> None:
    (copied.root / "dvc.lock").write_bytes(garbled)
    assert "git checkout dvc.lock" in refused(copied, "cache", "adopt")


def test_two_trains_at_once_publish_no_mix(copied: Project, finished: Project) -> None:
    """Two processes on one project's folder: one waits for the other, both end well."""
    forget_heads(copied)
    command, environment = copied.command("train", "demo"), copied.environment
    both = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    output = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], output
    assert differing(copied, finished) == []
