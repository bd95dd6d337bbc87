"""CTR-GCN, AAGCN and ST-GCN: what each must do as its official code does, and as every graph network (SPEC 5 to 7)."""

from dataclasses import dataclass
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
from models.graph.ctrgcn import CTRGCN
from models.graph.graph_backbone import LAST_BLOCK, LastBlock
from models.graph.stgcn import STGCN
from models.training.classifier import Classifier
from pipeline.skeleton.layouts import NTU_25

Network = type[CTRGCN] | type[AAGCN] | type[STGCN]
Digest = dict[str, Any]


@dataclass(frozen=True)
class Official:
    """What the official code gives with 120 classes, filled by rule."""

    frames: int
    output: Digest
    """On ramp(1, 3, frames, 25, 2)."""
    tolerance: float
    """Absolute, of the output's numbers."""
    gradient: Digest
    """In training mode: `input_gradient` of waves(2, 3, 16, 25, 2)."""
    sizes: dict[int | None, int]
    """Parameters by groups of SF-Heads."""
    before_a_norm: tuple[str, ...]
    """Ends of names of biases that a norm takes away again."""


OF_SUBSETS = (
    *("conv_d.0.bias", "conv_d.1.bias", "conv_d.2.bias", "down.0.bias"),
    *("tcn1.conv.bias", "residual.conv.bias"),
)
"""Biases before a norm, of networks with a convolution for each subset of neighbours."""

OFFICIAL: dict[Network, Official] = {
    # the output is the spec's golden.json, the gradient of Uason-Chen/CTR-GCN @e13d758
    CTRGCN: Official(
        frames=64,
        output={
            "first": [0.027994, 0.042557, 0.039705, 0.015775, -0.022461, -0.059992],
            "sum": 0.10509,
            "abs_sum": 4.63501,
            "dot_cos": 0.04644,
        },
        tolerance=1e-5,
        gradient={
            "first": [0.0381468, -0.1755583, 0.0229129, -0.2707709, -0.0423427, -0.1773779],
            "abs_sum": 627.588016,
            "dot_cos": -8.5301,
        },
        sizes={None: 1_462_092, 8: 1_465_484},
        before_a_norm=(
            "down.0.bias",
            "residual.conv.bias",
            "branches.0.0.bias",
            "branches.0.3.conv.bias",
            "branches.1.0.bias",
            "branches.1.3.conv.bias",
            "branches.2.0.bias",
            "branches.3.0.bias",
        ),
    ),
    # zhysora/FR-Head @d53ea51 `model/aagcn.py`; SF-Head's Table 4 prints 3.80M and, with heads, 3.81M
    AAGCN: Official(
        frames=16,
        output={
            "first": [0.273194, 0.2190353, 0.1088352, -0.0375756, -0.1866139, -0.2990179],
            "sum": 0.1699,
            "abs_sum": 23.270465,
            "dot_cos": 0.016113,
        },
        tolerance=2e-4,
        gradient={
            "first": [-0.0801017, 0.1263695, 0.0296851, 0.0454856, 0.1020993, -0.0656981],
            "abs_sum": 160.124651,
            "dot_cos": 3.394588,
        },
        sizes={None: 3_797_088, 8: 3_800_480},
        before_a_norm=OF_SUBSETS,
    ),
    # zhysora/FR-Head @d53ea51 `model/stgcn.py`; Table 4 prints 2.11M and, with heads, 2.12M
    STGCN: Official(
        frames=16,
        output={
            "first": [0.1313684, 0.1567393, 0.1397042, 0.0797019, -0.0085977, -0.0992268],
            "sum": 0.128531,
            "abs_sum": 10.736648,
            "dot_cos": 0.147751,
        },
        tolerance=2e-4,
        gradient={
            "first": [0.0503038, 0.0865338, 0.0325664, -0.0161873, -0.0444609, -0.0404145],
            "abs_sum": 581.806326,
            "dot_cos": -1.062056,
        },
        sizes={None: 2_108_322, 8: 2_111_714},
        before_a_norm=OF_SUBSETS,
    ),
}

every_network = pytest.mark.parametrize("network", OFFICIAL)


def ntu(network: Network, **options: Any) -> Classifier:
    return Classifier(network(NTU_25.bones, 25, **options), 120)


def small(network: Network, **options: Any) -> CTRGCN | AAGCN | STGCN:
    return network(CHAIN, 5, **{**SMALL, **options})


@every_network
def test_it_has_the_papers_size(network: Network) -> None:
    sizes = OFFICIAL[network].sizes
    assert {head: num_parameters(ntu(network, sf_head=head)) for head in sizes} == sizes


@every_network
def test_it_equals_the_official_network(network: Network) -> None:
    official = OFFICIAL[network]
    with torch.no_grad():
        found = digest(fill(ntu(network))(ramp(1, 3, official.frames, 25, 2)))
    for name, expected in official.output.items():
        assert found[name] == pytest.approx(expected, rel=1e-4, abs=official.tolerance), name


@every_network
def test_its_gradient_in_training_equals_the_official_networks(network: Network) -> None:
    found = digest(input_gradient(ntu(network), waves(2, 3, 16, 25, 2)))
    for name, expected in OFFICIAL[network].gradient.items():
        assert found[name] == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("sf_head", [None, 2])
@every_network
def test_gradients_reach_all_that_can_learn(network: Network, sf_head: int | None) -> None:
    model = Classifier(small(network, sf_head=sf_head), 3)
    expected = before_a_norm(model, OFFICIAL[network].before_a_norm)
    expected |= {name for name, _ in model.named_parameters() if ".sf_head.bn." in name}  # never called
    assert unreached(model, waves(4, 3, 8, 5, 2)) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@every_network
def test_it_builds_over_every_layout(network: Network, layout: str) -> None:
    edges, joints = LAYOUTS[layout]
    model = network(edges, joints, num_people=1, in_channels=2, sf_head=2, **SMALL)
    assert model(torch.randn(2, 2, 8, joints, 1)).shape == (2, 32)


@every_network
def test_cuts_have_the_declared_shapes(network: Network) -> None:
    shapes = cut_shapes(network(NTU_25.bones, 25), (3, 64, 25, 2), (FEATURES, LAST_BLOCK))
    assert shapes == {FEATURES: (256,), LAST_BLOCK: (2, 256, 16, 25)}


@pytest.mark.parametrize("sf_head", [None, 2])
@every_network
def test_the_last_block_goes_on_from_its_cut(network: Network, sf_head: int | None) -> None:
    model, x = fill(small(network, sf_head=sf_head)), waves(3, 3, 8, 5, 2).float()
    with torch.no_grad():
        found = model.at(x, (FEATURES, LAST_BLOCK))
        assert torch.equal(LastBlock(model).eval()(found[LAST_BLOCK]), found[FEATURES])


LOW_PRECISION = [
    (CTRGCN, torch.bfloat16, None, 8e-2),
    (CTRGCN, torch.bfloat16, 8, 8e-2),
    (CTRGCN, torch.float16, 8, 1e-2),
    (AAGCN, torch.bfloat16, 8, 3e-2),
    (AAGCN, torch.float16, 8, 5e-3),
    (STGCN, torch.bfloat16, 8, 3e-2),
    (STGCN, torch.float16, 8, 5e-3),
]


@pytest.mark.parametrize(("network", "dtype", "sf_head", "limit"), LOW_PRECISION)
def test_low_precision_stays_near(
    network: Network, dtype: torch.dtype, sf_head: int | None, limit: float
) -> None:
    assert relative_error(lambda: network(NTU_25.bones, 25, sf_head=sf_head), dtype) < limit


@pytest.mark.parametrize(("joints", "message"), WRONG_INPUTS)
@every_network
def test_it_says_which_shape_it_wants(network: Network, joints: torch.Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=rf"\(B, 3, T ≥ 2, 5, 2\) of floats.*{message}"):
        small(network)(joints)


@every_network
def test_it_refuses_a_layout_without_blocks(network: Network) -> None:
    with pytest.raises(ModelParamError, match="2 or more blocks, got 0"):
        small(network, layout=())
