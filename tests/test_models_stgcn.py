"""ST-GCN of FR-Head's zoo: its learned graphs. test_models_graph_networks.py has what every graph network does."""

from typing import Any

import pytest
import torch
from fill import fill
from skeleton_models import (
    CHAIN,
    SMALL,
    num_parameters,
    waves,
)

from models.errors import ModelParamError
from models.graph.stgcn import STGCN


def small(**options: Any) -> STGCN:
    return STGCN(CHAIN, 5, **{**SMALL, **options})


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


def test_it_refuses_what_cannot_be() -> None:
    with pytest.raises(ModelParamError, match="start must be 'identity' or 'edges', got 'bones'"):
        small(start="bones")
    with pytest.raises(ModelParamError, match="joins no joint to another"):
        small(adaptive=False)
