"""AAGCN, the "2s-AGCN" of SF-Head's Table 4: its switches and kernels; test_models_graph_networks.py has the rest."""

from typing import Any

import pytest
import torch
from skeleton_models import (
    CHAIN,
    LAYOUTS,
    SMALL,
)

from models.graph.aagcn import AAGCN


def small(**options: Any) -> AAGCN:
    return AAGCN(CHAIN, 5, **{**SMALL, **options})


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
