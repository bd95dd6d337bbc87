"""Equations 10–17 of SF-Head's paper, as printed and repaired (SPEC 5.3 and 7)."""

import math
from typing import Any

import pytest
import torch
from skeleton_models import waves
from torch import Tensor

from models.errors import ModelParamError
from models.sf_head.sf_losses import (
    SFLossOptions,
    SFParts,
    compensation,
    consistency_loss,
    head_loss,
    margin_penalty,
    redundancy_loss,
    similarity,
)

CLIPS, SLOTS, VALUES = 8, 4, 12


def unit(shift: float) -> Tensor:
    """(N, P, D) unit vectors, no two alike."""
    return torch.nn.functional.normalize(torch.sin(waves(CLIPS, SLOTS, VALUES) + shift), dim=2)


ALL = torch.ones(CLIPS, SLOTS, dtype=torch.float64)


def parts(people: int, clips: int = 3, groups: int = 2) -> SFParts:
    shape = (clips * people * groups, 2, 4, 5)
    return SFParts(*(waves(*shape).add(i).sin().float().requires_grad_() for i in range(5)))


# ----------------------------------------------------------------------------------------- eq. 10


@pytest.mark.parametrize(
    ("cosine", "alpha", "expected"),
    [(-1, 1, 0), (0, 1, 1 - math.exp(-1)), (1, 1, 1 - math.exp(-2)), (1, 5, 0.9999546)],
)
def test_d_is_a_similarity(cosine: float, alpha: float, expected: float) -> None:
    assert similarity(torch.tensor(float(cosine)), alpha).item() == pytest.approx(expected, abs=1e-6)


# ----------------------------------------------------------------------------------------- eq. 11


def test_redundancy_as_printed_is_a_constant_without_gradient() -> None:
    spatial, temporal = unit(0).requires_grad_(), unit(1).requires_grad_()
    loss = redundancy_loss(spatial, temporal, ALL, SFLossOptions(redundancy="literal"))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(CLIPS) / 2, abs=1e-6)
    for vectors in (spatial, temporal):
        assert vectors.grad is not None
        assert vectors.grad.abs().max() < 1e-6


def test_batch_redundancy_by_hand() -> None:
    """Two clips of one slot, cosines 1 and 0: l = m d / tau, the loss is log(e^l1 + e^l2) / 2 - (l1 + l2) / 4."""
    spatial = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    temporal = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    options = SFLossOptions(redundancy="batch")
    high, low = (0.4 * (1 - math.exp(-power)) / 0.125 for power in (2, 1))
    expected = math.log(math.exp(high) + math.exp(low)) / 2 - (high + low) / 4
    found = redundancy_loss(spatial, temporal, torch.ones(2, 1), options)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_batch_redundancy_is_least_where_all_clips_are_alike() -> None:
    options = SFLossOptions(redundancy="batch")
    alike = redundancy_loss(unit(0), unit(0), ALL, options).item()
    assert alike == pytest.approx(math.log(CLIPS) / 2, abs=1e-9)
    assert alike < redundancy_loss(unit(0), unit(1), ALL, options).item() < alike + 0.4 * 0.8647 / 0.25


def test_cross_redundancy_by_hand() -> None:
    """Two clips; d(s_i, t_j) of cosines [[1, 0], [1, 0]]: rows and columns differ, the mean of both is taken."""
    spatial = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    temporal = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    high, low = (0.4 * (1 - math.exp(-power)) / 0.125 for power in (2, 1))
    rows = math.log(math.exp(high) + math.exp(low)) - (high + low) / 2
    columns = math.log(2)
    found = redundancy_loss(spatial, temporal, torch.ones(2, 1), SFLossOptions())
    assert found.item() == pytest.approx((rows + columns) / 2, abs=1e-6)


def test_cross_redundancy_is_symmetric_and_learns() -> None:
    spatial, temporal = unit(0).requires_grad_(), unit(1).requires_grad_()
    loss = redundancy_loss(spatial, temporal, ALL, SFLossOptions())
    swapped = redundancy_loss(temporal, spatial, ALL, SFLossOptions())
    assert loss.item() == pytest.approx(swapped.item(), abs=1e-12)
    loss.backward()
    assert spatial.grad is not None
    assert spatial.grad.abs().max() > 1e-4


def test_clips_without_a_slot_in_common_are_not_compared() -> None:
    """Clips 0 and 1 show different people: each is alone in its denominator, so nothing is lost."""
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    loss = redundancy_loss(unit(0)[:2, :2], unit(1)[:2, :2], weights, SFLossOptions())
    assert loss.item() == pytest.approx(0, abs=1e-12)


# ------------------------------------------------------------------------------------ eq. 12 to 14


@pytest.mark.parametrize("margin", [0.2, 0.4, 1.0])
def test_the_margin_is_m_at_zero_and_nothing_at_one(margin: float) -> None:
    found = margin_penalty(torch.tensor([0.0, 1.0], dtype=torch.float64), margin)
    assert found.tolist() == pytest.approx([margin, 0], abs=1e-6)


def test_compensation_as_printed_rewards_what_it_should_punish() -> None:
    """SPEC 5.3's figures of (12) + (13) at m = 0.4 and gamma = 2: it falls as features grow unlike, down to eps."""
    d = torch.tensor([0.1, 0.4, 0.67, 0.99], dtype=torch.float64)
    literal = margin_penalty(d, 0.4) + compensation(d, 2, 1e-3, "literal")
    assert literal.tolist() == pytest.approx([-1.50, -0.07, 0.107, 0.005], abs=5e-3)
    repaired = margin_penalty(d, 0.4) + compensation(d, 2, 1e-3, "repaired")
    assert (repaired.diff() < 0).all()


def test_compensation_by_hand_and_its_cut() -> None:
    d = torch.tensor([0.0, 0.009, 0.5, 0.991, 1.0], requires_grad=True)
    found = compensation(d, 2, 0.01, "repaired")
    assert found.tolist() == pytest.approx([0, 0, 0.25 * math.log(2), 0, 0], abs=1e-6)
    assert compensation(d, 2, 0.01, "literal").tolist()[2] == pytest.approx(-0.25 * math.log(2), abs=1e-6)
    found.sum().backward()
    assert d.grad is not None
    assert d.grad.isfinite().all()
    assert d.grad.ne(0).tolist() == [False, False, True, False, False]


def test_consistency_is_summed_over_originals_and_averaged_over_clips() -> None:
    """f_a orthogonal to one original and opposite to the other: d = 1 - 1/e and 0."""
    aggregate = torch.tensor([[[1.0, 0.0]]]).expand(3, 1, 2)
    originals = [torch.tensor([[[0.0, 1.0]]]).expand(3, 1, 2), -aggregate]
    d = 1 - math.exp(-1)
    expected = math.log(math.exp(0.4) + (1 - math.exp(0.4)) * d) - (1 - d) ** 2 * math.log(d) + 0.4
    found = consistency_loss(aggregate, originals, torch.ones(3, 1), SFLossOptions())
    assert found.item() == pytest.approx(expected, abs=1e-6)


# ------------------------------------------------------------------------------------ eq. 17, people


def test_a_heads_loss_is_the_weighted_sum() -> None:
    maps, present = parts(people=1), torch.ones(3, 1, dtype=torch.bool)
    only = {
        name: head_loss(maps, present, SFLossOptions(**weights)).item()
        for name, weights in {
            "red": {"lambda_red": 1.0, "lambda_con": 0.0},
            "con": {"lambda_red": 0.0, "lambda_con": 1.0},
            "both": {},
        }.items()
    }
    assert only["both"] == pytest.approx(0.1 * only["red"] + 0.2 * only["con"], rel=1e-5)


@pytest.mark.parametrize("redundancy", ["literal", "batch", "cross"])
def test_people_without_data_change_nothing(redundancy: Any) -> None:
    options = SFLossOptions(redundancy=redundancy)
    alone = parts(people=1)
    names = ("f_t", "f_s", "f_c", "f_o", "f_a")
    doubled = SFParts(*(_with_a_ghost(getattr(alone, name)) for name in names))
    ghost = torch.tensor([[True, False]] * 3)
    expected = head_loss(alone, torch.ones(3, 1, dtype=torch.bool), options)
    assert head_loss(doubled, ghost, options).item() == pytest.approx(expected.item(), rel=1e-5)
    assert head_loss(doubled, torch.ones(3, 2, dtype=torch.bool), options).item() != pytest.approx(
        expected.item(), rel=1e-3
    )


def _with_a_ghost(maps: Tensor) -> Tensor:
    """(3 clips · 1 person · 2 groups, …) → a second person of other values behind each first."""
    people = maps.detach().view(3, 1, 2, *maps.shape[1:])
    return torch.cat((people, people.roll(1, 0) - 3), dim=1).flatten(0, 2)


def test_a_clip_that_shows_nobody_counts_everybody() -> None:
    maps = parts(people=2)
    nobody, everybody = (torch.full((3, 2), there) for there in (False, True))
    found = head_loss(maps, nobody, SFLossOptions())
    assert found.item() == head_loss(maps, everybody, SFLossOptions()).item()


def test_losses_stay_finite_where_features_are_dead() -> None:
    dead = SFParts(*(torch.zeros(12, 2, 4, 5, requires_grad=True) for _ in range(5)))
    loss = head_loss(dead, torch.ones(3, 2, dtype=torch.bool), SFLossOptions())
    loss.backward()
    assert loss.isfinite()
    assert dead.f_a.grad is not None
    assert dead.f_a.grad.isfinite().all()


def test_low_precision_maps_are_compared_in_full() -> None:
    maps = parts(people=2)
    low = SFParts(*(getattr(maps, n).detach().bfloat16() for n in ("f_t", "f_s", "f_c", "f_o", "f_a")))
    present = torch.ones(3, 2, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        found = head_loss(low, present, SFLossOptions())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(head_loss(maps, present, SFLossOptions()).item(), rel=1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"redundancy": "both"}, "redundancy must be one of .*got 'both'"),
        ({"phi_sign": "minus"}, "phi_sign must be one of"),
        ({"originals": ("f_x",)}, "originals must be one of"),
        ({"over_heads": "max"}, "over_heads must be one of"),
        ({"tau": 0}, "above 0"),
        ({"lambda_con": -1}, "0 or more"),
        ({"eps": 0.5}, r"eps in \(0, 0.5\)"),
    ],
)
def test_options_refuse_nonsense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        SFLossOptions(**options)
