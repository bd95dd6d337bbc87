"""Frozen inference: a clip's features are its own, whoever computes them."""

from typing import Any

import pytest
import torch
from fill import fill, ramp
from torch import nn

from models.amfi.r3d import R3D18
from models.backbones import build_backbone
from models.errors import ModelParamError, ShapeError
from models.graph.agcn import AGCN
from models.graph.layouts import blocks
from models.head import build_head
from models.inference import embed
from models.names import BACKBONES, OF_LIBRARIES
from models.training.seeding import seeded
from pipeline.skeleton.layouts import NTU_25

MODELS = {
    "agcn": (fill(AGCN(((1, 0), (2, 1)), 3, layout=blocks((8, 1), (16, 1)))), ramp(7, 3, 8, 3, 2)),
    "r3d": (fill(R3D18(1, width=8)), ramp(7, 1, 4, 32, 32)),
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_features_do_not_depend_on_neighbours_or_place(name: str) -> None:
    model, clips = MODELS[name]
    whole = next(embed(model, [(clips,)], batch_size=4))
    shuffled = torch.tensor([5, 2, 6, 0, 3, 1, 4])
    assert torch.equal(next(embed(model, [(clips[shuffled],)], batch_size=4)), whole[shuffled])
    alone = torch.cat(list(embed(model, [(clip[None],) for clip in clips], batch_size=4)))
    assert torch.equal(alone, whole)


KINDS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "r3d18": ({"width": 8}, (3, 4, 32, 32)),
    "two_path": ({"width": 8}, (3, 64, 32, 32)),
    "rgb_xshift": ({"width": 8, "blocks": [1, 1]}, (3, 4, 32, 32)),
    "pose_xshift": ({"width": 8, "blocks": [1]}, (17, 4, 16, 16)),
    "x3d_m": ({"width": 8}, (3, 4, 32, 32)),
    "x3d_s": ({"width": 8}, (17, 4, 32, 32)),
    "frame_resnet": ({}, (3, 4, 64, 64)),
    "agcn": ({"layout": [[16, 1], [32, 2]]}, (3, 16, 25, 2)),
    "aagcn": ({"layout": [[16, 1], [32, 2]]}, (3, 16, 25, 2)),
    "ctrgcn": ({"layout": [[32, 1], [32, 2]], "sf_head": 8}, (3, 16, 25, 2)),
    "stgcn": ({"layout": [[16, 1], [32, 2]]}, (3, 16, 25, 2)),
    "stgcnpp": ({"layout": [[16, 1], [32, 2]]}, (3, 16, 25, 2)),
    "dinet_r": ({}, (3, 32, 25, 2)),
    "tsm": ({"network": "resnet18"}, (3, 4, 64, 64)),
    "slowonly": ({"width": 8, "blocks": [1, 1, 1, 1]}, (3, 4, 64, 64)),
    "slowonly_pose": ({"width": 8, "blocks": [1, 1, 1]}, (17, 4, 16, 16)),
    "c3d_pose": ({"width": 8}, (17, 4, 16, 16)),
}
"""Of every backbone, small options and one clip's shape."""


def test_every_backbone_is_here() -> None:
    assert KINDS.keys() == BACKBONES.keys() - OF_LIBRARIES


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_number_of_threads_changes_a_bit(kind: str) -> None:
    options, shape = KINDS[kind]
    with seeded(0, kind):
        model = build_backbone({"kind": kind, **options}, shape=shape, edges=NTU_25.bones)
        clips = torch.randn(8, *shape)
    ambient = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(next(embed(model, [(clips,)], batch_size=2, threads=threads)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(ambient)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_the_model_always_sees_whole_batches() -> None:
    seen: list[tuple[int, ...]] = []

    class Spy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert not self.training
            assert not torch.is_grad_enabled()
            seen.append(tuple(x.shape))
            return x

    spy = Spy()
    blocks_of_5_and_2 = [(torch.arange(10.0).view(5, 2),), (torch.ones(2, 2),)]
    outputs = list(embed(spy, blocks_of_5_and_2, batch_size=2))
    assert seen == [(2, 2)] * 4
    assert torch.equal(outputs[0], torch.arange(10.0).view(5, 2))
    assert outputs[1].shape == (2, 2)
    assert spy.training


def test_a_heads_logits_come_out() -> None:
    head = build_head("concatenation", 3, skeleton_dim=4, video_dim=4)
    features = torch.rand(3, 4)
    logits = next(embed(head, [(features, features)], batch_size=2))
    torch.testing.assert_close(logits, head(features, features).logits)


def test_blocks_that_cannot_be_are_refused() -> None:
    model, clips = MODELS["r3d"]
    with pytest.raises(ModelParamError, match="batch_size and threads must be 1 or more, got 0 and 1"):
        next(embed(model, [(clips,)], batch_size=0))
    with pytest.raises(ShapeError, match="same clips, at least one"):
        next(embed(model, [(clips[:0],)], batch_size=2))
