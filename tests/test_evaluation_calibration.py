"""Top-5 accuracy and calibration, by cases worked out by hand."""

import numpy as np
import pytest

from pipeline.evaluation.calibration import (
    Calibration,
    calibration,
    probability_figures,
    read_calibration,
    top_k_accuracy,
)
from pipeline.evaluation.late_fusion import Scores
from pipeline.evaluation.metrics import Score
from pipeline.report.html.page import Report, render


def test_the_true_class_is_among_the_k_likeliest() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2]])
    labels = np.array([1, 0, 1])
    assert top_k_accuracy(labels, probabilities, 1) == 0
    assert top_k_accuracy(labels, probabilities, 2) == pytest.approx(200 / 3)
    assert top_k_accuracy(labels, probabilities, 3) == 100


def test_the_lower_class_wins_a_tie() -> None:
    even = np.full((1, 3), 1 / 3)
    assert [top_k_accuracy(np.array([label]), even, 1) for label in (0, 1, 2)] == [100, 0, 0]


def test_the_calibration_error_worked_out_by_hand() -> None:
    """Two bins: three clips at 0.4, of which one is right, and one at 0.9, right: 3/4 · |40 − 33.3| + 1/4 · 10."""
    probabilities = np.array([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]])
    found = calibration(np.array([0, 1, 2, 0]), probabilities, bins=2)
    assert found.confidence == pytest.approx([40, 90])
    assert found.accuracy == pytest.approx([100 / 3, 100])
    assert found.share == pytest.approx([0.75, 0.25])
    assert found.error == pytest.approx(0.75 * (40 - 100 / 3) + 0.25 * 10)


@pytest.mark.parametrize(("confidence", "bins"), [(0.5, 2), (1.0, 15), (1 / 15, 15)])
def test_a_bin_holds_its_upper_edge(confidence: float, bins: int) -> None:
    """As Guo et al. have it: (b/bins, (b + 1)/bins]; certainty stays inside."""
    found = calibration(np.array([0, 0]), np.array([[confidence], [confidence - 1e-6]]), bins=bins)
    assert found.share == pytest.approx([1.0])


def test_metrics_have_means_over_seeds_and_bins_of_all_clips() -> None:
    sure = np.eye(6)[[0, 1]]
    unsure = np.tile([0.3, 0.2, 0.2, 0.1, 0.1, 0.1], (2, 1))
    figures = probability_figures(np.array([0, 5]), [Scores("fused", 0, sure), Scores("fused", 1, unsure)])
    assert figures["fused"]["top5"] == 50
    back = read_calibration(figures["fused"])
    assert back is not None
    assert back.share.tolist() == [0.5, 0.5]
    assert back.accuracy.tolist() == [50, 50]
    assert back.error == pytest.approx(0.5 * 20 + 0.5 * 50, abs=1e-3)


def test_top5_says_nothing_of_five_classes_and_old_files_have_no_calibration() -> None:
    assert "top5" not in probability_figures(np.array([0]), [Scores("video", 0, np.eye(5)[[0]])])["video"]
    assert read_calibration({"mean": 70.0}) is None


def test_what_a_method_has_stands_in_its_row_and_what_it_lacks_is_a_dash() -> None:
    binned = Calibration(np.array([80.0]), np.array([72.5]), np.array([1.0]))
    one = Score("fused", 95.25, None, (92.5, 97.0), (95.25,), mean_class=93.1, top5=99.4, calibration=binned)
    plain = Score("video", 80.0, 1.5, (76.0, 84.0), (78.5, 81.5))
    rows = render(Report("demo", "xsub", (one, plain), (), {})).split("<tr>")
    assert [cell in rows[2] for cell in ("<td>93.1</td>", "<td>99.4</td>", "<td>7.5</td>")] == [True] * 3
    assert rows[3].count("<td>–</td>") >= 3
    assert "top-5" not in render(Report("demo", "xsub", (plain,), (), {}))
