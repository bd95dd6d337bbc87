"""ST-GCN of FR-Head's zoo, as in SF-Head's Table 4: sizes, the official network's numbers, cuts (SPEC 5, 6 and 7)."""

from typing import Any

import pytest
import torch
from fill import digest, fill, ramp
from skeleton_models import (
    CHAIN,
    LAYOUTS,
    SMALL,
    WRONG_INPUTS,
    before_a_norm,
    input_gradient,
    num_parameters,
    relative_error,
    unreached,
    waves,
)

from models.cuts import FEATURES, cut_shapes
from models.errors import ModelParamError, ShapeError
from models.graph.graph_backbone import LAST_BLOCK, LastBlock
from models.graph.stgcn import STGCN
from models.training.classifier import Classifier
from pipeline.skeleton.layouts import NTU_25

STGCN_JOINT_120 = {
    "first": [0.1313684, 0.1567393, 0.1397042, 0.0797019, -0.0085977, -0.0992268],
    "sum": 0.128531,
    "abs_sum": 10.736648,
    "dot_cos": 0.147751,
}
"""zhysora/FR-Head @d53ea51 `model/stgcn.py` with 120 classes, filled by rule, on ramp(1, 3, 16, 25, 2)."""

INPUT_GRADIENT = {
    "first": [0.0503038, 0.0865338, 0.0325664, -0.0161873, -0.0444609, -0.0404145],
    "abs_sum": 581.806326,
    "dot_cos": -1.062056,
}
"""Of the same in training mode: `input_gradient` of waves(2, 3, 16, 25, 2)."""

BEFORE_A_NORM = (
    "conv_d.0.bias",
    "conv_d.1.bias",
    "conv_d.2.bias",
    "down.0.bias",
    "tcn1.conv.bias",
    "residual.conv.bias",
)


def ntu(classes: int = 120, **options: Any) -> Classifier:
    return Classifier(STGCN(NTU_25.bones, 25, **options), classes)


def small(**options: Any) -> STGCN:
    return STGCN(CHAIN, 5, **{**SMALL, **options})


@pytest.mark.parametrize(("sf_head", "expected"), [(None, 2_108_322), (8, 2_111_714)])
def test_it_has_the_papers_size(sf_head: int | None, expected: int) -> None:
    """Table 4 prints 2.11M and, with heads, 2.12M."""
    assert num_parameters(ntu(sf_head=sf_head)) == expected


def test_it_equals_the_official_network() -> None:
    with torch.no_grad():
        found = digest(fill(ntu())(ramp(1, 3, 16, 25, 2)))
    for name, expected in STGCN_JOINT_120.items():
        assert found[name] == pytest.approx(expected, rel=1e-4, abs=2e-4), name


def test_its_gradient_in_training_equals_the_official_networks() -> None:
    found = digest(input_gradient(ntu(), waves(2, 3, 16, 25, 2)))
    for name, expected in INPUT_GRADIENT.items():
        assert found[name] == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("sf_head", [None, 2])
def test_gradients_reach_all_that_can_learn(sf_head: int | None) -> None:
    model = Classifier(small(sf_head=sf_head), 3)
    expected = before_a_norm(model, BEFORE_A_NORM)
    expected |= {name for name, _ in model.named_parameters() if ".sf_head.bn." in name}  # never called
    assert unreached(model, waves(4, 3, 8, 5, 2)) == expected


def test_graphs_start_as_told() -> None:
    identity, edges = small().l1.gcn1.PA, small(start="edges").l1.gcn1.PA
    assert torch.equal(identity.detach(), torch.eye(5).expand(3, 5, 5))
    assert edges[1].tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0] * 5]


def test_learned_graphs_are_scaled_by_their_columns() -> None:
    model, x = fill(small()), waves(2, 3, 8, 5, 2).float()
    with torch.no_grad():
        before = model(x)
        model.l1.gcn1.PA.mul_(3)
        torch.testing.assert_close(model(x), before, rtol=1e-3, atol=1e-3)


def test_a_fixed_graph_has_no_parameters() -> None:
    assert num_parameters(small()) - num_parameters(small(adaptive=False, start="edges")) == 3 * 3 * 25


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_builds_over_every_layout(layout: str) -> None:
    edges, joints = LAYOUTS[layout]
    model = STGCN(edges, joints, num_people=1, in_channels=2, sf_head=2, **SMALL)
    assert model(torch.randn(2, 2, 8, joints, 1)).shape == (2, 32)


def test_cuts_have_the_declared_shapes() -> None:
    shapes = cut_shapes(STGCN(NTU_25.bones, 25), (3, 64, 25, 2), (FEATURES, LAST_BLOCK))
    assert shapes == {FEATURES: (256,), LAST_BLOCK: (2, 256, 16, 25)}


def test_the_last_block_goes_on_from_its_cut() -> None:
    model, x = fill(small(sf_head=2)), waves(3, 3, 8, 5, 2).float()
    with torch.no_grad():
        found = model.at(x, (FEATURES, LAST_BLOCK))
        assert torch.equal(LastBlock(model).eval()(found[LAST_BLOCK]), found[FEATURES])


@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 3e-2), (torch.float16, 5e-3)])
def test_low_precision_stays_near(dtype: torch.dtype, limit: float) -> None:
    assert relative_error(lambda: STGCN(NTU_25.bones, 25, sf_head=8), dtype) < limit


@pytest.mark.parametrize(("joints", "message"), WRONG_INPUTS)
def test_it_says_which_shape_it_wants(joints: torch.Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=rf"\(B, 3, T ≥ 2, 5, 2\) of floats.*{message}"):
        small()(joints)


def test_it_refuses_what_cannot_be() -> None:
    with pytest.raises(ModelParamError, match="start must be 'identity' or 'edges', got 'bones'"):
        small(start="bones")
    with pytest.raises(ModelParamError, match="joins no joint to another"):
        small(adaptive=False)
