"""Class scores from elsewhere: three kinds of files, joined by clip id, and what is refused of them."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TINY, Project

from pipeline.catalog.catalog import Catalog, Entry, read_catalog
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.imported_scores import imported_scores
from pipeline.evaluation.late_fusion import Scores, late_fusions
from pipeline.evaluation.score_files import read_scores
from pipeline.params.heads import HeadParams
from pipeline.report.notes import notes
from pipeline.values import Clip

CLASSES = ("wave", "sit", "run")
SCORES = {"S1": [2.0, 0.0, -1.0], "S2": [-1.0, 0.5, 0.25], "S3": [0.0, 3.0, 1.0]}
SOFTMAX = {name: np.exp(row) / np.exp(row).sum() for name, row in SCORES.items()}
IDS = ("S1", "S3")


def catalog() -> Catalog:
    entries = [
        Entry(
            Clip(i, 0, f"video/{i}_rgb.avi", f"joints/{i}.skeleton"), "wave", "test", None, None, usable=True
        )
        for i in SCORES
    ]
    return Catalog(tuple(entries), "set", "xsub", "ntu_25", "rgb", "subject", CLASSES)


def train(path: Path, sha256: str = "", name: str = "theirs") -> HeadParams:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return HeadParams(
        seeds=(4, 5), plan=TINY["train"]["plan"], scores={name: {"path": path.name, "sha256": digest}}
    )


def imported(path: Path) -> np.ndarray[Any, Any]:
    (found,) = imported_scores(path.parent, train(path), catalog(), IDS).scores
    assert (found.method, found.seed) == ("theirs", 4)
    return found.probabilities


def pickled(folder: Path, content: Any) -> Path:
    path = folder / "epoch1_test_score.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


def csv(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text)
    return path


ROWS = {name: np.array(row, np.float32) for name, row in SCORES.items()}
PICKLES: dict[str, Any] = {
    "2s-AGCN: name of the skeleton file to scores": {f"{name}.skeleton": row for name, row in ROWS.items()},
    "a dict in another order": dict(reversed(ROWS.items())),
    "a list of pairs, as MMNet reads them": list(ROWS.items()),
    "ids and one array": (list(ROWS), np.stack(list(ROWS.values()))),
    "ids of two clips and a list": (["S1", "S3"], [ROWS["S1"], ROWS["S3"]]),
    "paths of videos": {f"/data/nturgb/{name}_rgb.avi": row.tolist() for name, row in ROWS.items()},
}


@pytest.mark.parametrize("what", sorted(PICKLES))
def test_pickles_are_joined_by_the_clips_names(tmp_path: Path, what: str) -> None:
    found = imported(pickled(tmp_path, PICKLES[what]))
    assert found == pytest.approx(np.stack([SOFTMAX[i] for i in IDS]), abs=1e-6)


def test_an_npz_and_a_csv_give_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", ids=np.array(list(SCORES)), scores=np.array(list(SCORES.values())))
    wanted = pytest.approx(np.stack([SOFTMAX[i] for i in IDS]))
    assert imported(tmp_path / "scores.npz") == wanted
    by_name = ["clip_id,run,sit,wave", *(f"{i},{c},{b},{a}" for i, (a, b, c) in SCORES.items())]
    assert imported(csv(tmp_path, "\n".join(by_name))) == wanted
    by_number = ["2,clip_id,0,1", *(f"{c},{i},{a},{b}" for i, (a, b, c) in SCORES.items())]
    assert imported(csv(tmp_path, "\n".join(by_number))) == wanted


def test_probabilities_stay_and_sums_of_several_are_divided(tmp_path: Path) -> None:
    half = {name: (2 * row).tolist() for name, row in SOFTMAX.items()}
    assert imported(pickled(tmp_path, half)) == pytest.approx(np.stack([SOFTMAX[i] for i in IDS]))
    facts = imported_scores(tmp_path, train(tmp_path / "epoch1_test_score.pkl"), catalog(), IDS).facts
    assert facts["imported"]["theirs"]["scores"] == "probabilities"
    assert facts["imported"]["theirs"]["not_asked"] == 1


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a clip lacks": (
        lambda f: pickled(f, {"S1": ROWS["S1"], "S2": ROWS["S2"]}),
        r"1 of 2 test clips.*: S3; .*'S1'",
    ),
    "CTR-GCN's numbered samples": (
        lambda f: pickled(f, {"test_0": ROWS["S1"]}),
        r"2 of 2 .* names clips as 'test_0'",
    ),
    "another number of classes": (
        lambda f: pickled(f, {i: [1.0, 2.0] for i in IDS}),
        "2 scores a clip.*3 classes",
    ),
    "not finite": (lambda f: pickled(f, {**SCORES, "S2": [0, np.nan, 1.0]}), r"1 clips are not finite: 'S2'"),
    "PYSKL's list without ids": (lambda f: pickled(f, list(ROWS.values())), "write the ids beside them"),
    "a program": (lambda f: pickled(f, {"S1": print}), "nothing of it was run"),
    "a clip of more scores": (lambda f: pickled(f, {**SCORES, "S2": [1.0]}), r"more or fewer: 'S2'"),
    "twice": (lambda f: csv(f, "clip_id,0,1,2\nS1,1,2,3\nS1,1,2,3\n"), "1 clips stand twice: 'S1'"),
    "words": (lambda f: csv(f, "clip_id,0,1,2\nS1,1,2,many\nS3,1,2,3\n"), "no numbers"),
    "strange columns": (
        lambda f: csv(f, "clip_id,wave,sit,jump\nS1,1,2,3\nS3,1,2,3\n"),
        r"\['jump'\] are none",
    ),
    "no ids": (lambda f: csv(f, "wave,sit\n1,2\n"), "no column clip_id"),
    "a short line": (lambda f: csv(f, "clip_id,0,1\nS1,1\n"), "line 2 has 2 cells, the first line 3"),
    "an empty file": (lambda f: csv(f, ""), "no column clip_id"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_refused(tmp_path: Path, what: str) -> None:
    make, message = REFUSED[what]
    with pytest.raises(DatasetError, match=message):
        imported(make(tmp_path))


def test_another_file_than_params_name_and_another_ending(tmp_path: Path) -> None:
    path = pickled(tmp_path, SCORES)
    with pytest.raises(
        ParamError, match=r"train\.scores\.theirs\.sha256: .* has sha256 .*, params name 0000"
    ):
        imported_scores(tmp_path, train(path, "0" * 64), catalog(), IDS)
    gone = train(path)
    path.rename(tmp_path / "scores.npy")
    with pytest.raises(ParamError, match=r"train\.scores\.theirs\.path: no file"):
        imported_scores(tmp_path, gone, catalog(), IDS)
    with pytest.raises(DatasetError, match=r"scores come as \.pkl, \.npz, \.csv"):
        read_scores(tmp_path / "scores.npy")


def test_two_clips_of_one_file_name_are_not_told_apart_by_it(tmp_path: Path) -> None:
    entries = [Entry(Clip(i, 0, f"{i}/1.avi"), "wave", "test", None, None, usable=True) for i in ("S1", "S3")]
    two = Catalog(tuple(entries), "set", "xsub", "ntu_25", "rgb", "subject", CLASSES)
    path = pickled(tmp_path, {"1": ROWS["S1"]})
    with pytest.raises(DatasetError, match="2 of 2 test clips have no scores"):
        imported_scores(tmp_path, train(path), two, IDS)


def test_late_fusion_pairs_them_with_every_seed() -> None:
    ours = [Scores("skeleton", seed, np.array([[0.2, 0.8]])) for seed in (0, 1)]
    theirs = [Scores("theirs", 0, np.array([[0.6, 0.4]]))]
    summed = late_fusions([*ours, *theirs], 0.5, ("theirs", "skeleton"), {"theirs"})[:2]
    assert [one.seed for one in summed] == [0, 1]
    assert summed[1].probabilities == pytest.approx(np.array([[0.4, 0.6]]))
    both = late_fusions(
        [*theirs, Scores("more", 0, theirs[0].probabilities)], 0.5, ("theirs", "more"), {"theirs", "more"}
    )
    assert [one.seed for one in both] == [0, 0]
    assert [one.seed for one in late_fusions([*ours, *theirs], 0.5, ("theirs", "skeleton"))] == [0, 0]


@pytest.mark.parametrize(
    ("name", "message"),
    [("amfi", "'amfi' is a method of ours too"), ("clips", "'clips' is a word of metrics.json")],
)
def test_names_that_stand_for_something_else(copied: Project, name: str, message: str) -> None:
    copied.set_params(**{"train.scores": {name: {"path": "a.pkl", "sha256": "0" * 64}}})
    with pytest.raises(ParamError, match=f"presets.demo.train.scores.{name}: {message}"):
        _ = copied.preset


def test_a_file_is_a_row_of_metrics_and_report_and_nothing_is_trained_again(copied: Project) -> None:
    before = json.loads((copied.paths.reports / "metrics.json").read_text())
    labels = {e.clip.clip_id: e.clip.label for e in read_catalog(copied.paths.catalog).usable("test")}
    path = pickled(copied.root, {f"{i}.skeleton": np.eye(10, dtype=np.float32)[n] for i, n in labels.items()})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    copied.set_params(
        **{
            "train": {
                **TINY["train"],
                "scores": {"oracle": {"path": path.name, "sha256": digest}},
                "late_fusion": ["oracle", "skeleton"],
            }
        }
    )
    assert copied.run("train").made == 0
    document = json.loads((copied.paths.reports / "metrics.json").read_text())
    assert document["oracle"]["by_seed"] == [100]
    assert document["fused"] == before["fused"]
    assert document["skeleton_weight"] == 0.5
    assert len(document["score_sum"]["by_seed"]) == 2
    assert any("oracle ran elsewhere" in line for line in notes(copied.paths, copied.preset, document))
