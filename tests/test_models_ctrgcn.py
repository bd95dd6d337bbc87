"""CTR-GCN: its layers; on it, LastBlock and SF-Heads' losses. test_models_graph_networks.py has the rest."""

import copy
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
from torch import nn

from models.cuts import FEATURES, cut_shapes
from models.errors import ModelParamError, ShapeError
from models.graph.ctrgcn import CTRGCN, TimeMax
from models.graph.graph_backbone import LAST_BLOCK, LastBlock
from models.sf_head.sfhead import SFHead
from models.training.classifier import Classifier
from pipeline.skeleton.layouts import NTU_25


def ntu(classes: int = 120, **options: Any) -> Classifier:
    return Classifier(CTRGCN(NTU_25.bones, 25, **options), classes)


def small(**options: Any) -> CTRGCN:
    return CTRGCN(CHAIN, 5, **{**SMALL, **options})


def test_it_has_the_papers_size_with_60_classes() -> None:
    assert num_parameters(ntu(60)) == 1_446_672


def test_every_block_holds_a_head() -> None:
    heads = [module for module in ntu(sf_head=8).modules() if isinstance(module, SFHead)]
    assert [num_parameters(head) for head in heads] == [320] * 4 + [336] * 3 + [368] * 3


def test_its_tensors_are_named_as_in_the_official_code() -> None:
    names = set(CTRGCN(NTU_25.bones, 25).state_dict())
    assert {
        "data_bn.weight",
        "l1.gcn1.PA",
        "l1.gcn1.convs.2.conv4.weight",
        "l5.residual.conv.weight",
    } <= names
    assert {"l10.tcn1.branches.1.3.conv.weight", "l8.gcn1.down.1.running_var", "l2.gcn1.alpha"} <= names


def test_the_graph_refines_itself_only_where_alpha_lets_it() -> None:
    plain, x = fill(small()), waves(2, 3, 8, 5, 2).float()
    with torch.no_grad():
        for block in plain.blocks:
            block.gcn1.alpha.zero_()  # type: ignore[operator, union-attr]
        before = plain(x)
        plain.blocks[1].gcn1.convs[0].conv4.weight.mul_(2)  # type: ignore[index, operator, union-attr]
        assert torch.equal(plain(x), before)
        plain.blocks[1].gcn1.alpha.fill_(0.5)  # type: ignore[operator, union-attr]
        assert not torch.allclose(plain(x), before)


def test_a_fixed_graph_has_no_parameters_but_the_same_start() -> None:
    model = small(adaptive=False)
    assert num_parameters(small()) - num_parameters(model) == 3 * 3 * 25
    assert model(waves(2, 3, 8, 5, 2).float()).shape == (2, 32)


@pytest.mark.parametrize("frames", [4, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_maximum_over_time_is_max_pooling(frames: int, stride: int) -> None:
    x = waves(2, 3, frames, 5).abs().requires_grad_()
    ours, theirs = TimeMax(stride)(x), nn.MaxPool2d((3, 1), (stride, 1), (1, 0))(x)
    assert torch.equal(ours, theirs)
    grads = [torch.autograd.grad((y * waves(*y.shape)).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*grads)


# ------------------------------------------------------------------------------------------- cuts


def test_cuts_have_the_declared_shapes_and_sizes() -> None:
    model = CTRGCN(NTU_25.bones, 25, sf_head=8)
    shapes = cut_shapes(model, model.expects.shape, (FEATURES, LAST_BLOCK, "joints"))
    assert shapes == {FEATURES: (256,), LAST_BLOCK: (2, 256, 16, 25), "joints": (3, 64, 25, 2)}
    assert [len(cut.dims) for cut in model.cuts] == [1, 4, 4]
    assert model.cut(LAST_BLOCK).num_bytes(shapes[LAST_BLOCK]) == 409_600
    assert model.cut(FEATURES).num_bytes(shapes[FEATURES]) == 1024


@pytest.mark.parametrize("sf_head", [None, 2])
def test_the_last_block_goes_on_from_maps_of_half_precision(sf_head: int | None) -> None:
    model, x = fill(small(sf_head=sf_head)), waves(3, 3, 8, 5, 2).float()
    with torch.no_grad():
        found = model.at(x, (FEATURES, LAST_BLOCK))
        cached = LastBlock(model).eval()(found[LAST_BLOCK].half())
    torch.testing.assert_close(cached, found[FEATURES], rtol=2e-3, atol=2e-3)


def test_nothing_behind_the_cut_is_computed() -> None:
    model = small().eval()
    model.blocks[-1].register_forward_hook(lambda *_: pytest.fail("the last block ran"))
    with torch.no_grad():
        assert model.at(torch.randn(1, 3, 8, 5, 2), (LAST_BLOCK,))[LAST_BLOCK].shape == (1, 2, 32, 4, 5)


def test_the_last_block_learns_alone() -> None:
    backbone = fill(small(sf_head=2))
    maps = backbone.at(waves(3, 3, 8, 5, 2).float(), (LAST_BLOCK,))[LAST_BLOCK].detach()
    model = Classifier(LastBlock(backbone), 3).train()
    loss = nn.functional.cross_entropy(model(maps), torch.arange(3))
    extra = model.backbone.extra_loss()
    assert extra is not None
    (loss + extra).backward()
    assert backbone.blocks[0].gcn1.PA.grad is None  # type: ignore[union-attr]
    assert backbone.blocks[-1].gcn1.PA.grad.abs().sum() > 0  # type: ignore[union-attr, operator]
    assert backbone.blocks[-1].sf_head.w.grad.abs().sum() > 0  # type: ignore[union-attr, operator]


def test_the_last_block_says_which_maps_it_wants() -> None:
    with pytest.raises(ShapeError, match=r"\(B, 2, 32, T ≥ 1, 5\).*got \(3, 2, 16, 4, 5\)"):
        LastBlock(small())(torch.zeros(3, 2, 16, 4, 5))


# ---------------------------------------------------------------------------------- losses of heads


def test_the_extra_loss_is_there_after_a_training_pass_only() -> None:
    model, x = small(sf_head=2), torch.randn(3, 3, 8, 5, 2)
    assert model.extra_loss() is None
    model.train()(x)
    extra = model.extra_loss()
    assert extra is not None
    assert extra.requires_grad
    model.eval()(x)
    assert model.extra_loss() is None
    plain = small().train()
    plain(x)
    assert plain.extra_loss() is None


def test_a_trained_pass_can_still_be_copied_and_measured() -> None:
    model = small(sf_head=2).train()
    model(torch.randn(3, 3, 8, 5, 2))
    assert copy.deepcopy(model).extra_loss() is None
    assert cut_shapes(model, (3, 8, 5, 2), (FEATURES,)) == {FEATURES: (32,)}


def test_heads_can_be_stripped_at_inference() -> None:
    x = waves(2, 3, 8, 5, 2).float()
    kept, stripped, bare = (
        fill(small(sf_head=choice)) for choice in (2, {"groups": 2, "strip_at_inference": True}, None)
    )
    with torch.no_grad():
        assert torch.equal(stripped(x), bare(x))
        assert not torch.allclose(kept(x), bare(x))
        torch.testing.assert_close(stripped.train()(x), kept.train()(x))


# ------------------------------------------------------------------------------ precision and refusals


def test_it_refuses_what_cannot_be() -> None:
    with pytest.raises(ModelParamError, match=r"\(5, 0\).*below 5"):
        CTRGCN(((5, 0),), 5)
    with pytest.raises(ModelParamError, match="must be 1 or more"):
        small(num_people=0)
    with pytest.raises(ModelParamError, match="multiple of 4 · groups = 32, got 16"):
        small(sf_head=8)
    with pytest.raises(ModelParamError, match="no cut 'map'"):
        small().at(torch.zeros(1, 3, 8, 5, 2), ("map",))
