"""Late fusion, with numbers by hand."""

import numpy as np
import pytest

from pipeline.late_fusion import Said, late_fusions, skeleton_weight

SURE_VIDEO = np.array([[0.9, 0.1], [0.9, 0.1]])
WEAK_SKELETON = np.array([[0.4, 0.6], [0.2, 0.8]])


def test_each_seed_that_has_both_is_summed_plainly_and_by_weight() -> None:
    said = [Said("video", 0, SURE_VIDEO), Said("skeleton", 0, WEAK_SKELETON), Said("video", 1, SURE_VIDEO)]
    plain, weighted = late_fusions(said, 0.75)
    assert (plain.method, plain.seed) == ("score_sum", 0)
    assert plain.probabilities == pytest.approx(np.array([[0.65, 0.35], [0.55, 0.45]]))
    assert (weighted.method, weighted.seed) == ("weighted_sum", 0)
    assert weighted.probabilities == pytest.approx(np.array([[0.525, 0.475], [0.375, 0.625]]))


@pytest.mark.parametrize(("labels", "weight"), [([0, 0], 0.0), ([1, 1], 1.0)])
def test_the_modality_that_is_right_on_held_out_clips_gets_the_weight(
    labels: list[int], weight: float
) -> None:
    held_out = [Said("video", 0, SURE_VIDEO), Said("skeleton", 0, WEAK_SKELETON)]
    assert skeleton_weight(held_out, np.array(labels)) == weight


def test_where_each_is_right_once_both_count() -> None:
    held_out = [Said("video", 0, SURE_VIDEO), Said("skeleton", 0, WEAK_SKELETON)]
    assert 0 < skeleton_weight(held_out, np.array([0, 1])) < 1


def test_a_modality_that_was_not_asked_leaves_the_plain_mean() -> None:
    assert skeleton_weight([Said("video", 0, SURE_VIDEO)], np.array([0, 0])) == 0.5
