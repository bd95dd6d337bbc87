"""Confused pairs and McNemar's test, by cases worked out by hand, and `compare` through the command."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_cli import invoke
from tiny import Project

from pipeline.errors import DatasetError
from pipeline.evaluation.comparison import Side, compare, mcnemar, side_of
from pipeline.evaluation.confused import ConfusedPair, confused_document, confused_pairs, read_confused
from pipeline.evaluation.metrics import Difference
from pipeline.evaluation.predictions import Predictions
from pipeline.report.runs import runs_beside

LABELS = np.array([0, 0, 1, 1, 2, 2])
CLASSES = ("drink", "eat", "wave")
ANSWERS = {"skeleton": [1, 0, 0, 0, 2, 1], "fused": [0, 0, 0, 1, 2, 2]}


def predictions(labels: "np.typing.NDArray[np.int64]" = LABELS, first: int = 0) -> Predictions:
    ids = tuple(f"c{number}" for number in range(first, first + len(labels)))
    return Predictions(ids, labels, {name: {0: np.array(answers)} for name, answers in ANSWERS.items()})


def test_pairs_that_are_taken_for_one_another() -> None:
    """Of drink and eat's four clips the skeleton takes three for the other, the fusion one."""
    found = confused_pairs(predictions(), "skeleton", "fused", CLASSES)
    assert found == (ConfusedPair(("drink", "eat"), 75.0, 25.0), ConfusedPair(("eat", "wave"), 25.0, 0.0))


def test_metrics_json_holds_them_and_gives_them_back() -> None:
    compared = [Difference("fused", "skeleton", 33.3, (0.0, 66.7))]
    document = confused_document(predictions(), compared, CLASSES)
    found = read_confused(document)
    assert (found.before, found.after) == ("skeleton", "fused")
    assert found.pairs == confused_pairs(predictions(), "skeleton", "fused", CLASSES)
    assert confused_document(predictions(), [], CLASSES) == {}
    assert read_confused({}).pairs == ()


def test_mcnemar_is_exact() -> None:
    """5 against 1 of 6 discordant clips: 2 · (1 + 6) / 2^6 = 0.21875; what both have right or wrong counts nothing."""
    first = np.array([True] * 5 + [False] + [True] * 20 + [False] * 3)
    second = np.array([False] * 5 + [True] + [True] * 20 + [False] * 3)
    found = mcnemar(first, second)
    assert (found.first_only, found.second_only) == (5, 1)
    assert found.p == pytest.approx(0.21875)
    assert mcnemar(first, first).p == 1


def test_two_methods_of_one_run() -> None:
    found = compare(Side("a", "fused", predictions()), Side("b", "skeleton", predictions()))
    assert found.accuracies == pytest.approx((500 / 6, 200 / 6))
    assert found.difference.mean == pytest.approx(50)
    assert found.difference.interval[0] <= 50 <= found.difference.interval[1]
    assert (found.clips, found.not_shared) == (6, (0, 0))
    assert [(test.first_only, test.second_only) for test in found.tests] == [(3, 0)]


def test_clips_that_only_one_run_has_are_left_out_and_counted() -> None:
    """Joined by id: the second run begins one clip later, and labels agree where ids do."""
    later = predictions(np.array([0, 1, 1, 2, 2, 0]), first=1)
    found = compare(Side("a", "fused", predictions()), Side("b", "fused", later))
    assert (found.clips, found.not_shared) == (5, (1, 1))
    assert "left out: 1 and 1 clips" in str(found)


def test_runs_of_other_classes_or_other_clips_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"clip 'c0' has label 0 in a and 1 in b, and so 2 more"):
        compare(
            Side("a", "fused", predictions()), Side("b", "fused", predictions(np.array([1, 1, 1, 1, 2, 0])))
        )
    with pytest.raises(DatasetError, match="a and b have no test clip in common"):
        compare(Side("a", "fused", predictions()), Side("b", "fused", predictions(first=100)))


def test_the_command_compares_a_run_with_another(finished: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    table = pq.read_table(finished.paths.reports / "predictions.parquet").to_pydict()
    table["predicted"] = table["label"]
    pq.write_table(pa.table(table), other / "predictions.parquet")
    done = invoke(finished, "compare", f"{other}:video", "demo:fused")
    assert done.exit_code == 0, done.output
    assert f"{other}:video against demo:fused, 24 clips that both have" in done.output
    assert "accuracy 100.0 and" in done.output
    assert "McNemar, seeds in order, 2:" in done.output


def test_what_is_not_there_is_named_with_what_is(finished: Project) -> None:
    reports = finished.paths.reports.parent
    with pytest.raises(
        DatasetError, match=r"holds predictions\.parquet; name a dataset whose `train` has run"
    ):
        side_of(reports, "dmeo")
    with pytest.raises(DatasetError, match=r"has no method 'fuzed'; it has video, skeleton"):
        side_of(reports, "demo:fuzed")
    assert side_of(reports, "demo").name == "demo:fused"


def test_other_runs_stand_beside_this_one(tmp_path: Path) -> None:
    """Of the clips c2 … c5, which both have, this fusion has three right, the other all, the other's skeleton three."""
    other = {"skeleton": [1, 1, 2, 1], "fused": [1, 1, 2, 2]}
    write(tmp_path / "other", tuple(f"c{number}" for number in range(2, 6)), LABELS[2:].tolist(), other)
    first, second = runs_beside(tmp_path, "demo", predictions(), ["other", "other:skeleton"])
    assert [one.name for one in (first, second)] == ["other:fused", "other:skeleton"]
    assert first.comparison.clips == 4
    assert first.comparison.accuracies == (75.0, 100.0)
    assert first.comparison.difference.mean == -25.0
    assert second.comparison.accuracies == (75.0, 75.0)
    assert second.comparison.not_shared == (2, 0)
    with pytest.raises(DatasetError, match=r"neither .*none nor none holds predictions\.parquet"):
        runs_beside(tmp_path, "demo", predictions(), ["none"])


def write(folder: Path, ids: tuple[str, ...], labels: list[int], answers: dict[str, list[int]]) -> None:
    rows = [
        (clip_id, label, method, 0, predicted)
        for method, of_method in answers.items()
        for clip_id, label, predicted in zip(ids, labels, of_method, strict=True)
    ]
    columns = ("clip_id", "label", "method", "seed", "predicted")
    folder.mkdir()
    pq.write_table(
        pa.table(dict(zip(columns, zip(*rows, strict=True), strict=True))), folder / "predictions.parquet"
    )
