"""Tables as commands: ours equal what the predictions say, the cost comes first, and nothing is trained twice."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tiny import TINY, Project, content
from typer.testing import CliRunner, Result

import cli

ROWS = ["Average", "Multiplication", "Max", "Concatenation", "Ours"]


def run(project: Project, *words: str, code: int = 0) -> Result:
    """`table` in this very process, on the project."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "PROJECT", project.root)
        ran = CliRunner().invoke(cli.app, ["table", *words])
    torch.set_num_threads(threads)
    assert ran.exit_code == code, ran.output
    return ran


def trainings(project: Project) -> int:
    """How many trainings the cache holds."""
    return len(list((project.root / ".harcache" / "blobs").glob("*/*/record.json")))


def rows_of(project: Project, name: str) -> dict[str, dict[str, Any]]:
    document = json.loads((project.paths.reports / "tables" / f"{name}.json").read_text())
    return {row["row"]: row for row in document["rows"]}


def right(project: Project, name: str, method: str) -> np.ndarray:
    """(S, N): which test clips each seed classified right, by the file alone."""
    path = project.root / "tables" / "demo" / name / "reports" / "predictions.parquet"
    table = pq.read_table(path).to_pydict()
    told = zip(
        table["method"], table["seed"], table["clip_id"], table["label"], table["predicted"], strict=True
    )
    found = sorted((seed, clip, label == said) for of, seed, clip, label, said in told if of == method)
    return np.array([hit for *_, hit in found]).reshape(len({seed for seed, *_ in found}), -1)


@pytest.fixture(scope="module")
def tabled(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """The finished project after `table amfi-3`, and what that said."""
    project = finished.copy(tmp_path_factory.mktemp("tabled") / "project")
    return project, run(project, "amfi-3")


def test_ours_are_the_predictions_counted_by_hand(tabled: tuple[Project, Result]) -> None:
    project, _ = tabled
    rows = rows_of(project, "amfi-3")
    assert list(rows) == ROWS
    ours = right(project, "amfi-3", "fused")
    assert ours.shape == (3, 24)
    for label, method in (("Average", "average"), ("Max", "max"), ("Ours", "fused")):
        hits = right(project, "amfi-3", method)
        by_seed = 100 * hits.mean(axis=1)
        assert rows[label]["by_seed"] == pytest.approx(by_seed, abs=1e-3)
        assert rows[label]["mean"] == pytest.approx(by_seed.mean(), abs=1e-3)
        assert rows[label]["std"] == pytest.approx(by_seed.std(ddof=1), abs=1e-3)
        if label != "Ours":
            gap = 100 * (hits.mean(axis=0) - ours.mean(axis=0))
            assert rows[label]["difference"] == pytest.approx(gap.mean(), abs=1e-3)
            low, high = rows[label]["difference_interval"]
            drawn = np.random.default_rng(1).choice(gap, (4000, len(gap))).mean(axis=1)
            assert (low, high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=1.5)
    assert rows["Ours"]["difference"] is None


def test_the_papers_figures_stand_beside_ours(tabled: tuple[Project, Result]) -> None:
    project, told = tabled
    average = rows_of(project, "amfi-3")["Average"]
    assert average["paper"] == {"NTU60 X-View": 94.65}
    assert average["paper_difference"] == pytest.approx(94.65 - 95.82)
    assert average["minus_paper"] == pytest.approx(average["mean"] - 94.65, abs=1e-3)
    assert f"| Average | {average['mean']:.2f} ± {average['std']:.2f} |" in told.stdout
    assert "| 94.65 | −1.17 |" in told.stdout
    assert "Dataset: demo (58 clips of 10 classes, xsub); the paper's: NTU60 X-View." in told.stdout
    assert "Level of training: frozen trunk; the paper's: frozen trunk." in told.stdout
    assert "Epochs are selected on val; the paper selects on test accuracy" in told.stdout


def test_the_files_say_the_same(tabled: tuple[Project, Result]) -> None:
    project, told = tabled
    folder = project.paths.reports / "tables"
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) == [
        f"amfi-3.{ending}" for ending in ("csv", "json", "md", "png")
    ]
    assert (folder / "amfi-3.md").read_text() in told.stdout
    lines = {line["row"]: line for line in csv.DictReader(io.StringIO((folder / "amfi-3.csv").read_text()))}
    rows = rows_of(project, "amfi-3")
    assert {label: float(line["mean"]) for label, line in lines.items()} == {
        label: row["mean"] for label, row in rows.items()
    }
    assert (folder / "amfi-3.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_the_project_trained_is_found_and_its_results_stay(
    finished: Project, tabled: tuple[Project, Result]
) -> None:
    """Two seeds of each head are the project's own; the third is new, and so is nothing else."""
    project, told = tabled
    assert "pretrain: 0 trainings of backbones to make, 4 from cache" in told.stderr
    assert "train: 5 trainings of heads to make, 15 from cache" in told.stderr
    assert trainings(project) == trainings(finished) + 5
    for name in ("metrics.json", "predictions.parquet", "index.html"):
        assert (project.paths.reports / name).read_bytes() == (finished.paths.reports / name).read_bytes()
    assert content(project.paths.weights).keys() == content(finished.paths.weights).keys()


def test_a_second_run_and_a_table_of_the_same_heads_train_nothing(tabled: tuple[Project, Result]) -> None:
    project, first = tabled
    before = trainings(project)
    again = run(project, "amfi-3")
    assert "cost: 0 trainings to make, 24 from cache" in again.stderr
    assert again.stdout == first.stdout
    assert trainings(project) == before
    assert "cost: 4 trainings to make, 8 from cache" in run(project, "amfi-6", "--dry-run").stdout


def test_scores_from_elsewhere_are_a_row_beside_ours(tabled: tuple[Project, Result], tmp_path: Path) -> None:
    """They know the classes of all test clips but the first; nothing is trained for them."""
    project = tabled[0].copy(tmp_path / "project")
    told = pq.read_table(project.paths.reports / "predictions.parquet").to_pydict()
    labels = dict(sorted(zip(told["clip_id"], told["label"], strict=True)))
    lines = [f"clip_id,{','.join(map(str, range(classes := 1 + max(labels.values()))))}"]
    for place, (clip, label) in enumerate(labels.items()):
        right = (label + 1) % classes if place == 0 else label
        lines.append(",".join([clip, *(str(int(k == right)) for k in range(classes))]))
    (project.root / "theirs.csv").write_text("\n".join(lines) + "\n")
    digest = hashlib.sha256((project.root / "theirs.csv").read_bytes()).hexdigest()
    project.set_params(
        train={**TINY["train"], "scores": {"theirs": {"path": "theirs.csv", "sha256": digest}}}
    )
    ran = run(project, "amfi-3")
    assert "cost: 0 trainings to make, 24 from cache" in ran.stderr
    rows = rows_of(project, "amfi-3")
    assert list(rows) == [*ROWS, "theirs (train.scores)"]
    theirs, ours = rows["theirs (train.scores)"], rows["Ours"]
    assert theirs["mean"] == pytest.approx(100 * (1 - 1 / len(labels)), abs=1e-4)
    assert (theirs["level"], theirs["against"], theirs["paper"]) == ("elsewhere", "Ours", {})
    assert theirs["difference"] == pytest.approx(theirs["mean"] - ours["mean"], abs=1e-3)


def test_a_dry_run_says_the_cost_and_trains_nothing(copied: Project) -> None:
    before = trainings(copied)
    told = run(copied, "amfi-5", "--dry-run").stdout
    assert told.startswith("cost: 13 trainings to make, 7 from cache\n")
    assert "train: 13 trainings of heads to make, 3 from cache" in told
    assert trainings(copied) == before
    assert not (copied.paths.reports / "tables").exists()


def test_a_dry_run_of_a_new_project_bounds_what_it_cannot_know(project: Any) -> None:
    fresh = project("fresh")
    told = run(fresh, "amfi-3", "--dry-run").stdout
    assert "index: 61 clips to make, 0 from cache" in told
    assert "crop: at most 61 clips to make, at least 0 from cache" in told
    assert "pretrain: at most 4 trainings of backbones to make" in told
    assert told.startswith("cost: at most 24 trainings to make, 0 from cache\n")
    assert trainings(fresh) == 0
    assert not (fresh.root / "tables").exists()


def test_an_unknown_table_is_told_the_nearest(copied: Project) -> None:
    told = run(copied, "amfi-33", code=cli.REFUSED).stderr
    assert "no table 'amfi-33' (did you mean 'amfi-3'?); there are amfi-3, amfi-4," in told


def test_a_row_that_cannot_run_says_why(copied: Project) -> None:
    """A preset of skeletons alone: the rows with video stay, with the reason, and the others run."""
    skeleton = TINY["pretrain"]["backbones"]["skeleton"]
    train = {**TINY["train"], "video": []}
    copied.set_params(**{"pretrain.backbones": {"skeleton": skeleton}, "train": train})
    told = run(copied, "amfi-4").stdout
    rows = rows_of(copied, "amfi-4")
    assert rows["Only RGB"]["mean"] is None
    why = "the row is of the one backbone that train.video names, and it names none"
    assert rows["Only RGB"]["not_run"] == why
    assert "train.methods: 'amfi' needs video features, and video is empty" in rows["Ours"]["not_run"]
    assert rows["Only skeleton"]["mean"] is not None
    assert rows["Only skeleton"]["difference"] is None  # what it is compared with did not run
    assert f"- Only RGB: {why}\n" in told
    assert "| Only RGB | – | – | – | – | 88.67 |" in told


def test_a_table_without_a_row_that_runs_is_printed_too(copied: Project) -> None:
    told = run(copied, "interaction-5").stdout
    assert "| Before enhancement | – | – | – | – | 60.3 | −22.90 | – | not run |" in told
    assert "- Before enhancement: its recordings are of adapter 'hmdb51_arid' (docs/datasets.md)" in told
    assert "No row could run." in told
