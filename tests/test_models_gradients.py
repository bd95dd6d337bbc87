"""AMFI-Net whole: gradients reach every parameter but those that by the paper's own formulas can't learn.

The other networks' files have this test each: `test_gradients_reach_…`, `test_every_parameter_learns…`.
"""

from typing import Any

import pytest
import torch
from fill import fill
from skeleton_models import CHAIN, before_a_norm, waves
from torch import nn

from models.amfi.network import AMFINet
from models.amfi.r3d import R3D18
from models.graph.agcn import AGCN
from models.graph.layouts import blocks
from models.training.classifier import Classifier

NOTHING = 2e-6
"""Above float32's noise where a gradient is zero by formula (4e-7), below the least that is not (1e-5)."""

BEFORE_A_NORM = (
    "conv_d.0.bias",
    "conv_d.1.bias",
    "conv_d.2.bias",
    "down.0.bias",
    "tcn.conv.bias",
    "residual.conv.bias",
)
SHARED_BY_ALL = ("conv_a.0.bias", "conv_a.1.bias", "conv_a.2.bias")
"""AGCN's softmax runs over the joints that theta is of: what theta has in common there, it takes away again."""

ONE_POSITION = {
    f"fusion.non_local.{part}.{kind}" for part in ("theta", "beta") for kind in ("weight", "bias")
}
"""A softmax over one position is 1, whatever enters it."""

KEYS_BIAS = {"fusion.non_local.beta.bias"}
"""What all positions' keys share, a softmax takes away."""


def still(model: nn.Module) -> set[str]:
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > NOTHING
    }


@pytest.mark.parametrize(
    ("association", "by_formula"),
    [
        ("single_token", ONE_POSITION),
        ("modality_token", KEYS_BIAS),
        ("feature_token", KEYS_BIAS),
        ("none", set()),
    ],
)
@pytest.mark.parametrize("decision", ["skeleton", "video"])
def test_gradients_reach_all_of_amfi_net_that_can_learn(
    association: str, by_formula: set[str], decision: str
) -> None:
    options: dict[str, Any] = {"association": association, "decision": decision}
    model = AMFINet(CHAIN, 5, 3, skeleton_dim=16, video_dim=16, **options)
    model.video, model.skeleton = R3D18(width=2), AGCN(CHAIN, 5, layout=blocks((8, 1), (16, 2)))
    fill(model).train()
    output = model(waves(4, 3, 16, 64, 64).float(), waves(4, 3, 16, 5, 2).float())
    model.loss(output, torch.tensor([0, 1, 2, 0])).backward()
    assert still(model) == by_formula | before_a_norm(model, (*BEFORE_A_NORM, *SHARED_BY_ALL))


def test_every_parameter_of_r3d_learns() -> None:
    model = fill(Classifier(R3D18(width=2), 3)).train()
    logits = model(waves(4, 3, 16, 64, 64).float())
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    assert still(model) == set()
