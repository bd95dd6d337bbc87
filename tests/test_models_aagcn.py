"""AAGCN, the "2s-AGCN" of SF-Head's Table 4: sizes, the official network's numbers, cuts (SPEC 5, 6 and 7)."""

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
from models.graph.aagcn import AAGCN
from models.graph.graph_backbone import LAST_BLOCK, LastBlock
from models.training.classifier import Classifier
from pipeline.skeleton.layouts import NTU_25

AAGCN_JOINT_120 = {
    "first": [0.273194, 0.2190353, 0.1088352, -0.0375756, -0.1866139, -0.2990179],
    "sum": 0.1699,
    "abs_sum": 23.270465,
    "dot_cos": 0.016113,
}
"""zhysora/FR-Head @d53ea51 `model/aagcn.py` with 120 classes, filled by rule, on ramp(1, 3, 16, 25, 2)."""

INPUT_GRADIENT = {
    "first": [-0.0801017, 0.1263695, 0.0296851, 0.0454856, 0.1020993, -0.0656981],
    "abs_sum": 160.124651,
    "dot_cos": 3.394588,
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
    return Classifier(AAGCN(NTU_25.bones, 25, **options), classes)


def small(**options: Any) -> AAGCN:
    return AAGCN(CHAIN, 5, **{**SMALL, **options})


@pytest.mark.parametrize(("sf_head", "expected"), [(None, 3_797_088), (8, 3_800_480)])
def test_it_has_the_papers_size(sf_head: int | None, expected: int) -> None:
    """Table 4 prints 3.80M and, with heads, 3.81M."""
    assert num_parameters(ntu(sf_head=sf_head)) == expected


def test_it_equals_the_official_network() -> None:
    with torch.no_grad():
        found = digest(fill(ntu())(ramp(1, 3, 16, 25, 2)))
    for name, expected in AAGCN_JOINT_120.items():
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


def test_an_even_number_of_joints_has_an_odd_kernel_over_them() -> None:
    gcn = AAGCN(LAYOUTS["utd_mhad_20"][0], 20, **SMALL).l1.gcn1
    assert gcn.conv_sa.weight.shape == (1, 16, 19)


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"attention": False}, ("conv_ta", "conv_sa", "fc1c", "fc2c")),
        ({"adaptive": False}, ("PA", "alpha", "conv_a", "conv_b")),
    ],
)
def test_switches_leave_out_their_parameters(options: dict[str, bool], gone: tuple[str, ...]) -> None:
    whole, part = dict(small().named_parameters()), dict(small(**options).named_parameters())
    assert {name.split(".")[2] for name in set(whole) - set(part)} == set(gone)
    assert small(**options)(torch.randn(2, 3, 8, 5, 2)).shape == (2, 32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_builds_over_every_layout(layout: str) -> None:
    edges, joints = LAYOUTS[layout]
    model = AAGCN(edges, joints, num_people=1, in_channels=2, sf_head=2, **SMALL)
    assert model(torch.randn(2, 2, 8, joints, 1)).shape == (2, 32)


def test_cuts_have_the_declared_shapes() -> None:
    shapes = cut_shapes(AAGCN(NTU_25.bones, 25), (3, 64, 25, 2), (FEATURES, LAST_BLOCK))
    assert shapes == {FEATURES: (256,), LAST_BLOCK: (2, 256, 16, 25)}


def test_the_last_block_goes_on_from_its_cut() -> None:
    model, x = fill(small(sf_head=2)), waves(3, 3, 8, 5, 2).float()
    with torch.no_grad():
        found = model.at(x, (FEATURES, LAST_BLOCK))
        assert torch.equal(LastBlock(model).eval()(found[LAST_BLOCK]), found[FEATURES])


@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 3e-2), (torch.float16, 5e-3)])
def test_low_precision_stays_near(dtype: torch.dtype, limit: float) -> None:
    assert relative_error(lambda: AAGCN(NTU_25.bones, 25, sf_head=8), dtype) < limit


@pytest.mark.parametrize(("joints", "message"), WRONG_INPUTS)
def test_it_says_which_shape_it_wants(joints: torch.Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=rf"\(B, 3, T ≥ 2, 5, 2\) of floats.*{message}"):
        small()(joints)


def test_it_refuses_what_cannot_be() -> None:
    with pytest.raises(ModelParamError, match="2 or more blocks, got 0"):
        small(layout=())
