"""Late fusion, with numbers by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny import Project, tiny_params

from pipeline.errors import ParamError
from pipeline.evaluation.late_fusion import (
    Scores,
    Unseen,
    combinations,
    ensembles,
    late_fusions,
    mixture_weights,
    product,
    skeleton_weight,
)
from pipeline.params.presets import load_preset

VIDEO = np.array([[0.9, 0.1], [0.9, 0.1]])
SKELETON = np.array([[0.4, 0.6], [0.2, 0.8]])


def held_out() -> list[Scores]:
    return [Scores("video", 0, VIDEO), Scores("skeleton", 0, SKELETON)]


def unseen(*scores: Scores, labels: tuple[int, ...] = (0, 0), clips: str = "val") -> Unseen:
    return Unseen(clips, scores, np.array(labels))


def written(folder: Path, **changes: Any) -> Path:
    """Params of the tiny project, with changes."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes)))
    return path


def test_each_seed_that_has_both_is_put_together_both_ways() -> None:
    summed, multiplied = late_fusions([*held_out(), Scores("video", 1, VIDEO)], 0.75)
    assert (summed.method, summed.seed) == ("score_sum", 0)
    assert summed.probabilities == pytest.approx(np.array([[0.65, 0.35], [0.55, 0.45]]))
    assert (multiplied.method, multiplied.seed) == ("weighted_product", 0)
    assert multiplied.probabilities == pytest.approx(product(VIDEO, SKELETON, 0.75))


def test_the_product_by_hand() -> None:
    """sqrt(0.9 · 0.4) = 0.6 and sqrt(0.1 · 0.6) = 0.2449: 0.6 / 0.8449 = 0.7101."""
    assert product(VIDEO, SKELETON, 0.5)[0] == pytest.approx([0.7101, 0.2899], abs=1e-4)
    assert product(VIDEO, SKELETON, 0.0) == pytest.approx(VIDEO)
    assert product(VIDEO, SKELETON, 1.0) == pytest.approx(SKELETON)


@pytest.mark.parametrize(("labels", "weight"), [([0, 0], 0.0), ([1, 1], 1.0)])
def test_the_modality_that_is_right_on_held_out_clips_gets_the_weight(
    labels: list[int], weight: float
) -> None:
    assert skeleton_weight([VIDEO, SKELETON], np.array(labels)) == weight


def test_modalities_that_each_tell_half_of_it_share_the_weight() -> None:
    """Four classes: video tells 0, 1 from 2, 3, the skeleton even from odd. Neither alone is ever sure."""
    rows = np.arange(4)
    video = np.where(rows[:, None] // 2 == rows // 2, 0.49, 0.01)
    skeleton = np.where(rows[:, None] % 2 == rows % 2, 0.49, 0.01)
    weight = skeleton_weight([video, skeleton], rows)
    assert weight == pytest.approx(0.5)
    assert (product(video, skeleton, weight).argmax(axis=1) == rows).all()


def test_a_modality_that_was_not_asked_leaves_even_shares(tmp_path: Path) -> None:
    params = load_preset(written(tmp_path), "demo").train
    found = combinations(held_out(), [unseen(held_out()[0])], params)
    assert found.facts == {
        "skeleton_weight": 0.5,
        "weighed_on": {"weighted_product": "none, all weigh alike"},
    }


def test_any_two_methods_may_be_put_together() -> None:
    methods = ("classifier@video", "classifier@skeleton")
    scores = [*held_out(), Scores(methods[0], 0, SKELETON), Scores(methods[1], 0, VIDEO)]
    summed, multiplied = late_fusions(scores, 0.75, methods)
    assert summed.probabilities == pytest.approx((VIDEO + SKELETON) / 2)
    assert multiplied.probabilities == pytest.approx(product(SKELETON, VIDEO, 0.75))


def test_an_ensembles_weights_are_the_likeliest_on_held_out_clips() -> None:
    """Of the true class one member says 0.8, 0.8, 0.1, the other 0.2, 0.2, 0.9: w = 0.92 / 1.44 by the derivative."""
    first, second = (np.array([[p, 1 - p] for p in of]) for of in ((0.8, 0.8, 0.1), (0.2, 0.2, 0.9)))
    labels = np.zeros(3, np.int64)
    assert mixture_weights([first, second], labels) == pytest.approx([0.6389, 0.3611], abs=1e-4)
    assert mixture_weights([first, first, first], labels) == pytest.approx([1 / 3] * 3)


def test_ensembles_are_made_for_each_seed_that_all_members_have() -> None:
    scores = [*held_out(), Scores("video", 1, VIDEO), Scores("elsewhere", 0, SKELETON)]
    asked = {"both": ("video", "skeleton"), "with another's": ("video", "elsewhere")}
    found, weights = ensembles(scores, [unseen(*held_out())], asked)
    assert [(one.method, one.seed) for one in found] == [("both", 0), ("with another's", 0)]
    assert weights == {
        "both": {"video": 1.0, "skeleton": 0.0},
        "with another's": {"video": 0.5, "elsewhere": 0.5},
    }
    assert found[0].probabilities == pytest.approx(VIDEO)
    assert found[1].probabilities == pytest.approx((VIDEO + SKELETON) / 2)


def test_weights_are_chosen_on_the_first_clips_that_have_all_members_with_all_their_seeds(
    tmp_path: Path,
) -> None:
    """Of the truth the video says 0.9 and 0.4, seed by seed, the skeleton 0.6: w = ½ by the derivative.

    0.3 / (0.6 + 0.3 w) = 0.2 / (0.6 - 0.2 w).
    """
    ensemble = {"train.ensembles": {"both": ["video", "skeleton"]}}
    params = load_preset(written(tmp_path, **ensemble), "demo").train
    of_seeds = [Scores("video", seed, np.array([[p, 1 - p]])) for seed, p in ((0, 0.9), (1, 0.4))]
    crossed = [*of_seeds, *(Scores("skeleton", seed, np.array([[0.6, 0.4]])) for seed in (0, 1))]
    lacks_one = unseen(held_out()[0], clips="no skeleton")
    found = combinations(
        held_out(), [lacks_one, unseen(*crossed, labels=(0,), clips="both"), unseen(*held_out())], params
    )
    assert found.facts["ensembles"]["both"] == {"video": 0.5, "skeleton": 0.5}
    assert found.facts["weighed_on"] == {"both": "both", "weighted_product": "both"}


def test_members_of_equal_weight_are_chosen_by_no_clip(tmp_path: Path) -> None:
    """The held-out clips would give the video all the weight."""
    ensembles = {"fitted": ["video", "skeleton"], "mean": ["video", "skeleton"]}
    given = {"train.ensembles": ensembles, "train.equal_weights": ["mean"]}
    params = load_preset(written(tmp_path, **given), "demo").train
    found = combinations(held_out(), [unseen(*held_out())], params)
    assert found.facts["ensembles"] == {
        "fitted": {"video": 1.0, "skeleton": 0.0},
        "mean": {"video": 0.5, "skeleton": 0.5},
    }
    assert found.facts["weighed_on"]["mean"] == "none, all weigh alike"
    with pytest.raises(
        ParamError, match=r"equal_weights: no ensemble 'other'; ensembles: \['fitted', 'mean'\]"
    ):
        load_preset(written(tmp_path, **{**given, "train.equal_weights": ["other"]}), "demo")


def test_train_weighs_an_ensemble_and_trains_nothing_for_it(copied: Project) -> None:
    copied.set_params(**{"train.ensembles": {"both": ["video", "skeleton"]}})
    assert copied.run("train").made == 0
    document = json.loads((copied.paths.reports / "metrics.json").read_text())
    assert len(document["both"]["by_seed"]) == 2
    assert sum(document["ensembles"]["both"].values()) == pytest.approx(1, abs=1e-3)
    assert document["weighed_on"] == {"both": "val", "weighted_product": "val"}


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("both", ["video", "skeletn"], r"ensembles\.both: no 'skeletn' \(did you mean 'skeleton'\?\)"),
        ("amfi", ["video", "skeleton"], r"ensembles\.amfi: 'amfi' stands for something else"),
        ("both", ["video"], r"ensembles\.both: .*at least 2"),
    ],
)
def test_ensembles_of_what_is_no_method_are_refused(
    tmp_path: Path, name: str, members: list[str], message: str
) -> None:
    with pytest.raises(ParamError, match=message):
        load_preset(written(tmp_path, **{"train.ensembles": {name: members}}), "demo")
