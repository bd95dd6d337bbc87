"""SF-Head, the module: published sizes, the official code's numbers, its switches (SPEC 5.2, 5.4 and 5.6)."""

from typing import Any

import pytest
import torch
from fill import digest, fill, ramp
from skeleton_models import CHAIN, SMALL, input_gradient, num_parameters, waves
from torch import nn

from models.errors import ModelParamError
from models.graph.aagcn import AAGCN
from models.graph.agcn import AGCN
from models.graph.ctrgcn import CTRGCN
from models.graph.stgcn import STGCN
from models.sf_head.narrow_conv import NarrowConv2d
from models.sf_head.sf_losses import SFLossOptions
from models.sf_head.sfhead import GATES, SFHead, SFHeadOptions, sf_options
from models.training.classifier import Classifier

BACKBONES = (AGCN, AAGCN, CTRGCN, STGCN)

SFHEAD_64_G8 = {
    "first": [0.0, 0.006801, 0.013601, 0.020399, 0.027194, 0.033984],
    "sum": 325.42106,
    "abs_sum": 19177.4586,
    "dot_cos": -224.6343,
}
"""The official module, filled by rule, on ramp(2, 64, 16, 25): the spec's golden.json."""

INPUT_GRADIENT = {
    "first": [0.5660695, 0.5781064, 0.5891442, 0.5900587, 0.5713345, 0.551302],
    "sum": -0.77549,
    "abs_sum": 20901.589114,
    "dot_cos": -17.017263,
}
"""Of HaoHuang2003/SFHead @fadde31 in training mode: `input_gradient` of relu(waves(2, 64, 16, 25)), whose many
zeros show which of several equal maxima takes the gradient."""


@pytest.mark.parametrize(("channels", "expected"), [(64, 320), (128, 336), (256, 368)])
def test_it_has_the_codes_size(channels: int, expected: int) -> None:
    assert num_parameters(SFHead(channels, 8)) == expected


def test_it_equals_the_official_module() -> None:
    with torch.no_grad():
        found = digest(fill(SFHead(64, 8))(ramp(2, 64, 16, 25)))
    for name, expected in SFHEAD_64_G8.items():
        assert found[name] == pytest.approx(expected, rel=1e-4, abs=1e-6), name


def test_its_gradient_in_training_equals_the_official_modules() -> None:
    found = digest(input_gradient(SFHead(64, 8), torch.relu(waves(2, 64, 16, 25))))
    for name, expected in INPUT_GRADIENT.items():
        assert found[name] == pytest.approx(expected, rel=1e-5), name


def test_gradients_reach_all_but_the_norm_that_is_never_called() -> None:
    head = fill(SFHead(32, 2)).double().train()
    head(waves(2, 32, 6, 5)).pow(2).sum().backward()
    still = {name for name, p in head.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9}
    assert still == {"bn.weight", "bn.bias"}


def test_it_starts_as_a_fixed_share_of_both_quarters() -> None:
    """cw = sw = 0 and cb = sb = 1: f_t = 0.731 x1, f_s = 0.731 x3; the others come as they were."""
    x = waves(2, 16, 3, 4).float()
    found, quarters = SFHead(16, 1).parts(x), x.chunk(4, dim=1)
    torch.testing.assert_close(found.f_t, quarters[0] * 0.7310586)
    torch.testing.assert_close(found.f_s, quarters[2] * 0.7310586)
    assert torch.equal(found.f_c, quarters[1])
    assert torch.equal(found.f_o, quarters[3])


def test_parts_come_together_shuffled_in_two_halves() -> None:
    """Four channels, one group, nothing gated: [x1, x3, mean, x4] become [x1, mean, x3, x4]."""
    x = waves(1, 4, 2, 3).float()
    found = SFHead(4, 1, sste=False, gates=())(x)
    torch.testing.assert_close(found, torch.stack((x[:, 0], x.mean(1), x[:, 2], x[:, 3]), dim=1))


def test_the_fourth_term_is_a_switch() -> None:
    x = waves(2, 16, 6, 5).float()
    code, paper = (fill(SFHead(16, 2, eta4=eta4)) for eta4 in ("f_c", "f_o"))  # type: ignore[arg-type]
    with torch.no_grad():
        a, b = code.parts(x), paper.parts(x)
        last = torch.softmax(code.w, 0)[-1]
    torch.testing.assert_close(b.f_a - a.f_a, last * (a.f_o - a.f_c))


@pytest.mark.parametrize("gates", [("channel",), ("temporal", "spatial"), GATES, ()])
def test_table_3s_dimensions_can_be_chosen(gates: Any) -> None:
    head = SFHead(16, 2, gates=gates)
    assert set(head.gates) == set(gates)
    names = {name for name, _ in head.named_parameters()}
    assert ("w" in names) == bool(gates)
    if gates:
        assert head.w.shape == (len(gates) + 1,)
    assert head(torch.randn(2, 16, 6, 5)).shape == (2, 16, 6, 5)


def test_each_gate_is_constant_along_its_axis_only() -> None:
    x = waves(4, 2, 8, 5).float()
    shapes = {name: tuple(fill(gate)(x).shape) for name, gate in SFHead(16, 2).gates.items()}
    assert shapes == {"temporal": (4, 2, 1, 5), "spatial": (4, 2, 8, 1), "channel": (4, 1, 8, 5)}


def test_without_sste_its_parameters_are_gone() -> None:
    names = {name.split(".")[0] for name, _ in SFHead(16, 2, sste=False).named_parameters()}
    assert names == {"gates", "w", "bn"}


@pytest.mark.parametrize("shape", [(3, 2, 9, 5), (3, 2, 7, 2), (3, 2, 2, 25), (1, 2, 64, 1)])
def test_a_narrow_convolution_is_a_convolution(shape: tuple[int, ...]) -> None:
    ours, x = fill(NarrowConv2d(2, 1, 7)).double(), waves(*shape).requires_grad_()
    plain = nn.Conv2d(2, 1, 7, padding=3, bias=False).double()
    plain.load_state_dict(ours.state_dict())
    a, b = ours(x), plain(x)
    torch.testing.assert_close(a, b)
    grads = [torch.autograd.grad(y.pow(2).sum(), (x, m.weight)) for y, m in ((a, ours), (b, plain))]
    torch.testing.assert_close(*grads)


# ------------------------------------------------------------------------------------- in a backbone


@pytest.mark.parametrize("make", BACKBONES)
def test_every_backbone_takes_heads(make: Any) -> None:
    model = make(CHAIN, 5, sf_head=2, **SMALL).train()
    x = waves(3, 3, 8, 5, 2).float()
    model(x)
    assert sum(isinstance(module, SFHead) for module in model.modules()) == 3
    assert model.extra_loss() is not None
    bare = make(CHAIN, 5, **SMALL).train()
    bare(x)
    assert bare.extra_loss() is None
    assert num_parameters(model) - num_parameters(bare) == num_parameters(SFHead(16, 2)) + 2 * num_parameters(
        SFHead(32, 2)
    )


def test_heads_losses_are_averaged_or_summed() -> None:
    found = {}
    for over in ("mean", "sum"):
        model = fill(CTRGCN(CHAIN, 5, sf_head={"groups": 2, "loss": {"over_heads": over}}, **SMALL)).train()
        model(waves(3, 3, 8, 5, 2).float())
        found[over] = model.extra_loss().item()
    assert found["sum"] == pytest.approx(3 * found["mean"], rel=1e-5)


def test_without_either_loss_nothing_is_added() -> None:
    """Rows 2, 3 and 5 of Table 2: modules without F-RCL."""
    model = CTRGCN(CHAIN, 5, sf_head={"groups": 2, "loss": {"lambda_red": 0, "lambda_con": 0}}, **SMALL)
    model.train()(torch.randn(3, 3, 8, 5, 2))
    assert model.extra_loss() is None


def test_absent_people_are_left_out_of_the_losses() -> None:
    x = waves(3, 3, 8, 5, 2).float()
    x[..., 1] = 0
    both, first = (
        fill(CTRGCN(CHAIN, 5, sf_head=2, **SMALL)).train(),
        fill(CTRGCN(CHAIN, 5, sf_head=2, **SMALL)).train(),
    )
    both(x)
    with torch.no_grad():
        losses = first.start_losses(torch.tensor([[True, False]] * 3))
        y = first.normalised(x).permute(0, 2, 3, 1).contiguous()
        for block in first.blocks:
            y = block(y, losses)
    assert both.extra_loss().item() == pytest.approx(first.extra_loss().item(), rel=1e-5)  # type: ignore[union-attr]


def test_the_head_learns_from_its_losses_alone() -> None:
    model = Classifier(CTRGCN(CHAIN, 5, sf_head=2, **SMALL), 3)
    fill(model).train()(waves(3, 3, 8, 5, 2).float())
    extra = model.backbone.extra_loss()
    assert extra is not None
    extra.backward()
    first = model.backbone.blocks[0]  # type: ignore[attr-defined]
    assert first.sf_head.w.grad.abs().max() > 0
    assert first.sf_head.cweight.grad.abs().max() > 0


# ------------------------------------------------------------------------------------ being asked for


def test_a_choice_is_a_number_a_mapping_or_options() -> None:
    assert sf_options(None) is None
    assert sf_options(4) == SFHeadOptions(groups=4)
    wanted = {"groups": 4, "eta4": "f_o", "loss": {"redundancy": "literal"}}
    assert sf_options(wanted) == SFHeadOptions(groups=4, eta4="f_o", loss=SFLossOptions(redundancy="literal"))
    assert sf_options(SFHeadOptions(groups=2)) == SFHeadOptions(groups=2)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"group": 4}, "sf_head has no option 'group'"),
        ({"loss": {"m": 0.4}}, "sf_head.loss has no option 'm'"),
        (0, "groups must be 1 or more, got 0"),
        ({"gates": ("time",)}, "gates must be different ones of"),
        ({"eta4": "f_t"}, "eta4 must be 'f_c' or 'f_o', got 'f_t'"),
    ],
)
def test_choices_refuse_nonsense(choice: Any, message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        sf_options(choice)


def test_channels_must_split_into_groups_of_four_parts() -> None:
    with pytest.raises(ModelParamError, match="multiple of 4 · groups = 32, got 48"):
        SFHead(48, 8)
