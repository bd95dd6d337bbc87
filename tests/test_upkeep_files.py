"""What lies beside the stores (catalog, failures, weights, reports): sealed, refused where damaged, restored."""

import csv
import json
import random
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from test_cache_verify import put
from tiny import Project, content

from cache.keys import sealed
from cli_cache import Shell
from pipeline.build.failures import Failure, failures_damage, read_failures, write_failures
from pipeline.errors import DatasetError
from pipeline.evaluation.printed import describe_results
from pipeline.seals import SEALS, proven_bytes, read_seals, write_seals
from pipeline.training.trainings import read_documents, read_trainings
from pipeline.upkeep.stores import repaired, verified

WEIGHTS = "weights/demo/backbones"
SEALED = (
    "data/demo/catalog.parquet", "data/demo/index.seals.json", "data/demo/failures.jsonl",
    f"{WEIGHTS}/video_0.pt", f"{WEIGHTS}/trainings.json", f"{WEIGHTS}/documents.json", f"{WEIGHTS}/seals.json",
    "weights/demo/heads/trainings.json", "reports/demo/predictions.parquet", "reports/demo/metrics.json",
    "reports/demo/curves.csv", "reports/demo/confusion.csv", "reports/demo/index.html",
    "reports/demo/train.seals.json", "reports/demo/pictures/curves.png",
)  # fmt: skip


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << at % 8
    put(path, bytes(data))


def named(project: Project) -> set[str]:
    found = verified(project.root, None).parts
    return {str((p.folder / f.place).relative_to(project.root)) for p in found for f in p.faults}  # type: ignore[attr-defined]


def repair(project: Project) -> str:
    return str(repaired(project.root, None, None, Shell(project.root, nullcontext).job))


def test_a_finished_project_is_whole_and_proven(finished: Project) -> None:
    result = verified(finished.root, None)
    assert result.exit_code == 0
    assert "older" not in str(result)


@pytest.mark.parametrize("name", SEALED)
def test_a_flip_of_any_kind_of_file_is_named(copied: Project, name: str) -> None:
    rng = random.Random(name)
    whole = (copied.root / name).read_bytes()
    for _ in range(4):  # bench/flips.py draws hundreds
        flip(copied.root / name, rng.randrange(len(whole)))
        assert named(copied) == {name}
        put(copied.root / name, whole)


READERS: dict[str, Callable[[Project], object]] = {
    "data/demo/catalog.parquet": lambda project: project.run("sample"),
    "data/demo/index.seals.json": lambda project: project.run("sample"),
    f"{WEIGHTS}/video_0.pt": lambda project: project.run("features"),
    f"{WEIGHTS}/trainings.json": lambda project: read_trainings(project.root / WEIGHTS),
    f"{WEIGHTS}/documents.json": lambda project: read_documents(project.root / WEIGHTS),
    "reports/demo/metrics.json": lambda project: describe_results(project.paths),
    "reports/demo/predictions.parquet": lambda project: project.run("report"),
    "reports/demo/curves.csv": lambda project: project.run("report"),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_damaged_is_refused_where_it_is_read_with_the_way_on(copied: Project, name: str) -> None:
    """Also where no list answers for it, as of an older harcache: garbage is told, and not traced back."""
    flip(copied.root / name, 1000)
    with pytest.raises(DatasetError, match=r"cache repair.*`python cli\.py (index|pretrain|train) demo`"):
        READERS[name](copied)
    for seals in (copied.root / name).parent.glob(f"*{SEALS}"):
        seals.unlink()
    if not name.endswith(SEALS):
        put(copied.root / name, b"\x00\xffgarbage, not what is looked for")
        with pytest.raises(DatasetError, match=r"cannot be read|is not the file|fails its") as caught:
            READERS[name](copied)
        assert "make" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("data/demo/catalog.parquet", "index"),
        (f"{WEIGHTS}/trainings.json", "pretrain"),
        ("reports/demo/train.seals.json", "train"),
        ("reports/demo/pictures/curves.png", "report"),
    ],
)
def test_the_command_that_repair_names_restores_every_byte(copied: Project, name: str, stage: str) -> None:
    before = content(copied.root / "reports") | content(copied.root / "weights") | content(copied.paths.data)
    flip(copied.root / name, 500)
    assert f"`python cli.py {stage} demo` makes it again" in repair(copied)
    assert copied.run(stage).made in (0, 2)  # of `report`, the strips that it draws
    assert (
        content(copied.root / "reports") | content(copied.root / "weights") | content(copied.paths.data)
        == before
    )
    assert named(copied) == set()


def test_the_stages_write_damaged_failures_again(copied: Project) -> None:
    path = copied.paths.failures
    whole = path.read_bytes()
    assert len(whole.splitlines()) == 5
    flip(path, 77)
    assert named(copied) == {"data/demo/failures.jsonl"}
    assert "`python cli.py crop demo`, `python cli.py heatmaps demo`" in repair(copied)
    for stage in ("index", "sample", "crop", "heatmaps", "features"):
        assert copied.run(stage).made == 0
    assert path.read_bytes() == whole


def test_a_blob_set_aside_comes_back_from_the_weights(copied: Project) -> None:
    blob = next((copied.root / ".harcache" / "blobs").glob("*/*/weights.pt"))
    flip(blob, 900)
    assert len(named(copied)) == 1
    repair(copied)
    assert named(copied) == set()
    assert blob.exists()


def test_files_of_before_there_were_lists_are_read_and_said(
    copied: Project, caplog: pytest.LogCaptureFixture
) -> None:
    for seals in copied.root.rglob(f"*{SEALS}"):
        seals.unlink()
    put(
        copied.paths.failures,
        b"".join(unsealed(line) for line in copied.paths.failures.read_bytes().splitlines()),
    )
    assert copied.run("sample").made == 0
    assert "catalog.parquet is of an older harcache" in caplog.text
    assert "`python cli.py index demo` gives it one" in caplog.text
    result = verified(copied.root, None)
    assert result.exit_code == 0
    assert "note: catalog.parquet: of an older harcache" in str(result)
    assert "note: video_0.pt: of an older harcache" in str(result)


def unsealed(line: bytes) -> bytes:
    fields = json.loads(line)
    del fields["seal"]
    return json.dumps(fields, sort_keys=True).encode() + b"\n"


def test_they_stay_plain_files(finished: Project) -> None:
    assert set(pd.read_parquet(finished.paths.catalog)["split"]) == {"train", "test"}
    assert set(pd.read_json(finished.paths.failures, lines=True)["stage"]) <= {"index", "crop"}
    assert "seal" not in json.loads((finished.paths.reports / "metrics.json").read_text())
    with (finished.paths.reports / "confusion.csv").open() as file:
        assert next(csv.reader(file)) == ["actual", "predicted"]


def test_every_bit_of_a_line_of_failures_counts(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    write_failures(path, "crop", [Failure("a", "crop", "VideoError", "läuft\nnicht")])
    data = path.read_bytes()
    assert read_failures(path) == [Failure("a", "crop", "VideoError", "läuft\nnicht")]
    for at in range(len(data)):
        for bit in range(8):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            assert failures_damage(path), (at, bit)
    with pytest.raises(DatasetError, match=r"failures\.jsonl (is damaged in line 1|ends in the middle)"):
        read_failures(path)
    write_failures(path, "index", [])  # a build goes on, and says what it dropped
    assert path.read_bytes() == b""


def test_a_list_names_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "heads"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"abc")
    write_seals(folder / SEALS, [folder / "a"])
    digest = "384264f676f39536840523f284921cdc68b6846b"  # blake2b-160 of abc
    assert read_seals(folder / SEALS) == {"a": (3, digest)}
    assert (folder / SEALS).read_bytes() == sealed(
        {"format": "harcache-1", "files": {"a": {"size": 3, "blake2b160": digest}}}
    )
    assert proven_bytes(folder / "a") == b"abc"
    (folder / "b").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"b is not what seals\.json beside it says"):
        proven_bytes(folder / "b")
