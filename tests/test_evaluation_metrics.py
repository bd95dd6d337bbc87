"""pipeline.evaluation.metrics, predictions and bootstrap: numbers by hand."""

import json

import numpy as np
import pytest

from pipeline.errors import RunError
from pipeline.evaluation.bootstrap import Resampling, accuracy_intervals, intervals, resampled_means, wilson
from pipeline.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    confusion_over_seeds,
    differences,
    metrics_document,
    scores,
    summarise,
)
from pipeline.evaluation.predictions import Predictions, join, telling_clips

COUNTS = {"train": 10, "val": 2, "test": 4, "failed": 1, "unused": 3}
LABELS = np.array([0, 0, 1, 1])


def four_clips() -> Predictions:
    """video: 50 and 75 %; skeleton: 75 and 75 %; fused: 100 and 75 %; concatenation: 75 and 75 %."""
    predicted = {
        "video": {0: [0, 1, 1, 0], 1: [0, 0, 1, 0]},
        "skeleton": {0: [0, 0, 0, 1], 1: [0, 0, 0, 1]},
        "fused": {0: [0, 0, 1, 1], 1: [0, 0, 0, 1]},
        "concatenation": {0: [0, 0, 0, 1], 1: [1, 0, 1, 1]},
    }
    arrays = {name: {seed: np.array(row) for seed, row in seeds.items()} for name, seeds in predicted.items()}
    return Predictions(("a", "b", "c", "d"), LABELS, arrays)


def test_accuracy_and_confusion_by_hand() -> None:
    predicted = np.array([0, 1, 1, 1])
    assert accuracy(LABELS, predicted) == 75
    confusion = confusion_matrix(LABELS, predicted, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert confusion_over_seeds(four_clips(), "video", 2).tolist() == [[3, 1], [2, 2]]


def test_spread_over_seeds_by_hand() -> None:
    assert summarise(np.array([90.0, 92.0, 94.0])) == {"mean": 92.0, "std": 2.0}
    assert summarise(np.array([90.0])) == {"mean": 90.0, "std": None}


def test_the_document_by_hand() -> None:
    document = metrics_document(
        four_clips(), dataset="demo", protocol="xsub", clips=COUNTS, facts={"selected_on": "val"}
    )
    assert document["dataset"] == "demo"
    assert document["protocol"] == "xsub"
    assert document["seeds"] == [0, 1]
    assert document["clips"] == COUNTS
    assert document["selected_on"] == "val"
    assert (document["video"]["mean"], document["video"]["std"]) == (62.5, 17.6777)
    assert document["video"]["by_seed"] == [50.0, 75.0]
    assert (document["skeleton"]["mean"], document["skeleton"]["std"]) == (75.0, 0.0)
    assert document["fused"]["mean"] == 87.5
    assert document["fused_minus_best_single"]["of"] == ["fused", "skeleton"]
    assert document["fused_minus_best_single"]["mean"] == 12.5
    assert document["fused_minus_best_single"]["interval"] == [0.0, 37.5]
    assert document["fused_minus_concatenation"]["mean"] == 12.5
    json.dumps(document, allow_nan=False)


def test_the_mean_over_classes_by_hand() -> None:
    """Class 0 has three clips, class 2 one, class 1 none: seeds 0 and 1 get 3/3 and 0/1, then 1/3 and 1/1."""
    labels = np.array([0, 0, 0, 2])
    predicted = {0: np.array([0, 0, 0, 0]), 1: np.array([0, 1, 1, 2])}
    document = metrics_document(
        Predictions(("a", "b", "c", "d"), labels, {"video": predicted}),
        dataset="demo",
        protocol="cs",
        clips=COUNTS,
    )
    assert document["video"]["by_seed"] == [75.0, 50.0]
    assert document["video"]["mean_class"] == {"mean": 58.3333, "std": 11.7851}  # of 50 and 66.67


def test_a_document_read_back_from_json() -> None:
    document = metrics_document(four_clips(), dataset="demo", protocol="xsub", clips=COUNTS)
    document = json.loads(json.dumps(document))
    lines = {score.method: score for score in scores(document)}
    assert list(lines) == ["video", "skeleton", "fused", "concatenation"]
    assert lines["fused"].by_seed == (100.0, 75.0)
    assert [(line.method, line.than) for line in differences(document)] == [
        ("fused", "skeleton"),
        ("fused", "concatenation"),
    ]


def test_a_document_without_fusion_has_no_differences() -> None:
    whole = four_clips()
    alone = Predictions(whole.clip_ids, whole.labels, {"skeleton": whole.predicted["skeleton"]})
    document = metrics_document(alone, dataset="demo", protocol="xsub", clips=COUNTS)
    assert not [name for name in document if "minus" in name]


def rows(predictions: Predictions) -> list[tuple[str, int, str, int, int]]:
    return [
        (clip, int(label), method, seed, int(answer))
        for method, seeds in predictions.predicted.items()
        for seed, predicted in seeds.items()
        for clip, label, answer in zip(predictions.clip_ids, predictions.labels, predicted, strict=True)
    ]


def test_rows_meet_by_clip_id_whatever_their_order() -> None:
    table = rows(four_clips())
    np.random.default_rng(0).shuffle(table)
    table = [(str(c), int(y), str(m), int(s), int(p)) for c, y, m, s, p in table]
    joined = join(*zip(*table, strict=True))
    assert joined.clip_ids == ("a", "b", "c", "d")
    for method in ("video", "fused"):
        np.testing.assert_array_equal(joined.correct(method), four_clips().correct(method))


def test_rows_of_different_clips_are_refused() -> None:
    table = rows(four_clips())
    with pytest.raises(RunError, match="video, seed 0: 1 of 4 clips have no prediction, the first 'a'"):
        join(*zip(*table[1:], strict=True))
    with pytest.raises(RunError, match="two predictions for clip 'a'"):
        join(*zip(*table, table[0], strict=True))
    with pytest.raises(RunError, match="clip 'd' has label 0, elsewhere 1"):
        join(*zip(*table[:-1], (*table[-1][:1], 0, *table[-1][2:]), strict=True))


def test_predictions_refuse_nonsense() -> None:
    with pytest.raises(RunError, match="sorted"):
        Predictions(("b", "a"), LABELS[:2], {"video": {0: LABELS[:2]}})
    with pytest.raises(RunError, match="video, seed 0: expected one class for each of 4 clips"):
        Predictions(("a", "b", "c", "d"), LABELS, {"video": {0: LABELS[:2]}})
    with pytest.raises(RunError, match="at least one"):
        Predictions((), LABELS[:0], {})


def test_telling_clips_hold_every_kind() -> None:
    """30 clips: fused errs on the last two, video on clips 5 to 9 as well."""
    labels = np.zeros(30, np.int64)
    fused, video = labels.copy(), labels.copy()
    fused[28:], video[5:10] = 1, 1
    ids = tuple(f"c{number:02d}" for number in range(30))
    chosen = telling_clips(Predictions(ids, labels, {"video": {0: video}, "fused": {0: fused}}), count=9)
    assert len(chosen) == 9
    assert list(chosen) == sorted(set(chosen))
    assert {"c28", "c29"} < set(chosen)
    assert len({"c05", "c06", "c07", "c08", "c09"} & set(chosen)) >= 3
    assert telling_clips(four_clips(), count=12) == ("a", "b", "c", "d")


# ------------------------------------------------------------------------------------------ intervals


def test_the_interval_of_a_share_is_the_binomials() -> None:
    """60 of 100 right: the binomial's standard error is 4.9 points, so 95 % lie within 9.6."""
    values = np.repeat([1.0, 0.0], [60, 40])[:, None] * 100
    low, high = intervals(values, Resampling())[0]
    assert low == pytest.approx(50.4, abs=1)
    assert high == pytest.approx(69.6, abs=1)


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1))
    means = resampled_means(np.hstack([values, values + 3]), Resampling(count=500))
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 3)


def test_the_same_seed_gives_the_same_draws() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1))
    one, same, other = (resampled_means(values, Resampling(count=100, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def test_clusters_are_drawn_whole() -> None:
    """Two subjects, one wholly right: a resample is 0, 50 or 100 % right and nothing between."""
    values = np.repeat([100.0, 0.0], 20)[:, None]
    means = resampled_means(values, Resampling(count=200), clusters=np.repeat([7, 3], 20))
    assert sorted(set(means.ravel().tolist())) == [0, 50, 100]


def test_large_tables_are_resampled_in_parts() -> None:
    values = np.random.default_rng(0).normal(size=(3000, 2))
    means = resampled_means(values, Resampling(count=3000))
    assert means.shape == (3000, 2)
    np.testing.assert_allclose(means.std(axis=0), values.std(axis=0) / np.sqrt(3000), rtol=0.1)


def test_wilson_by_hand() -> None:
    """4 of 4: 4 / (4 + 1.96²) = 0.510; 0 of 4 mirrors it; 5 of 10: 0.5 ± 0.263 (Agresti and Coull 1998's formula)."""
    low, high = wilson(np.array([1.0, 0.0, 0.5]), np.array([4, 4, 10]))
    np.testing.assert_allclose(low, [0.5101, 0.0, 0.2366], atol=1e-4)
    np.testing.assert_allclose(high, [1.0, 0.4899, 0.7634], atol=1e-4)


def test_no_interval_of_an_accuracy_is_a_point() -> None:
    """2 of 2 right: 2 / (2 + 1.96²) = 34.2 % and more; of 4 clips of 2 people it is the people that count."""
    mixed, all_right = np.array([100.0, 0.0, 100.0, 0.0]), np.full(4, 100.0)
    columns = np.stack([mixed, all_right, np.zeros(4)], axis=1)
    of_people = accuracy_intervals(columns, Resampling(), clusters=np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(of_people[1:], [[34.238, 100.0], [0.0, 65.762]], atol=1e-3)
    assert accuracy_intervals(columns[:2], Resampling())[1].tolist() == pytest.approx(of_people[1].tolist())
    assert (accuracy_intervals(columns, Resampling())[0] == intervals(columns, Resampling())[0]).all()


def test_no_interval_of_an_accuracy_is_beyond_all() -> None:
    """Three clips of one class weigh 2/3 and one of another 2: resamples of all right have means from 67 to 200."""
    weighed = 100 * np.array([[2 / 3], [2 / 3], [2 / 3], [2.0]])
    assert intervals(weighed, Resampling())[0, 1] > 100
    assert accuracy_intervals(weighed, Resampling())[0, 1] == 100
