"""What the page tells of classes, pairs of methods and neighbours, on values worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.evaluation.bootstrap import Resampling
from pipeline.evaluation.metrics import differences, metrics_document
from pipeline.evaluation.predictions import Predictions
from pipeline.report import clips
from pipeline.report.by_class import class_accuracies
from pipeline.report.clips import shortlist
from pipeline.report.feature_space import nearest, principal
from pipeline.report.html.browser import ClipLine
from pipeline.report.pairs import paired_differences

IDS = tuple(f"clip{number:02}" for number in range(12))
LABELS = np.arange(12) % 3
PREDICTIONS = Predictions(
    IDS,
    LABELS,
    {
        "video": {0: np.where(np.arange(12) < 6, LABELS, 0), 1: np.zeros(12, np.int64)},
        "concatenation": {0: LABELS, 1: LABELS},
        "fused": {0: np.where(np.arange(12) < 9, LABELS, 0), 1: LABELS},
    },
)


def test_accuracies_by_class() -> None:
    """video: seed 1 says 0 always, seed 0 too but for the first six clips; a class without clips has none."""
    found = class_accuracies(PREDICTIONS, "video", 4)
    np.testing.assert_allclose(found.mean, [100, 25, 25, np.nan])
    assert np.isnan(found.low[3])
    assert (found.low[:3] < found.mean[:3]).all()


def test_pairs_are_what_metrics_json_states() -> None:
    how = Resampling(count=500)
    found = paired_differences(PREDICTIONS, how)
    np.testing.assert_array_equal(found.mean, -found.mean.T)
    np.testing.assert_allclose(found.low, -found.high.T, atol=1e-9)
    counts = {"train": 1, "val": 1, "test": 12, "failed": 0, "unused": 0}
    document = metrics_document(PREDICTIONS, dataset="d", protocol="p", clips=counts, resampling=how)
    for line in differences(document):
        at = found.methods.index(line.method), found.methods.index(line.than)
        assert found.mean[at] == pytest.approx(line.mean, abs=1e-3)
        assert (found.low[at], found.high[at]) == pytest.approx(line.interval, abs=1e-3)


def test_the_nearest_are_found_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directions at 0, 10, 25, 90 and 180 degrees, and lengths that do not count; the clip itself is left out."""
    degrees = {"a": 0, "b": 10, "c": 25, "d": 90, "e": 180}

    def read(ids: Sequence[str]) -> np.ndarray:
        turned = np.radians([degrees[name] for name in ids])
        return (np.stack([np.cos(turned), np.sin(turned)], 1) * 7).astype(np.float32)

    monkeypatch.setattr("pipeline.report.feature_space.ROWS_AT_ONCE", 2)
    found = nearest(read, ["a", "d"], list(degrees), count=3)
    assert found.ids == (("b", "c", "d"), ("c", "b", "a"))
    np.testing.assert_allclose(found.similarity, np.cos(np.radians([[10, 25, 90], [65, 80, 90]])), atol=1e-6)
    assert nearest(read, ["a"], ["a", "e"], count=3).ids == (("e",),)


def test_principal_components_by_hand() -> None:
    """Points on the line y = 2x, one off it: the first axis runs along (1, 2) / √5."""
    x = np.array([-2, -1, 0, 1, 2], np.float32)
    points, held = principal(np.stack([x, 2 * x], 1))
    np.testing.assert_allclose(points[:, 0], x * np.sqrt(5), atol=1e-5)
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-5)
    assert held == pytest.approx(1)


def test_a_long_list_keeps_the_clips_with_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LISTED", 4)
    every = [ClipLine(f"t{n}", 0, "test") for n in range(9)] + [
        ClipLine(f"o{n}", 0, "train") for n in range(3)
    ]
    kept = [clip.clip_id for clip in shortlist(every, ["t7", "t8"])]
    assert kept == sorted(kept, key=[clip.clip_id for clip in every].index)
    assert {"t7", "t8", "o0", "o1", "o2"} <= set(kept)
    assert 4 <= sum(name.startswith("t") for name in kept) <= 6
