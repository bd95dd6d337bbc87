"""The three lateral connections that the paper's own is compared with, by hand."""

import pytest
import torch
from fill import fill

from models.interaction.attention import InteractionPlan, dense_to_sparse
from models.interaction.laterals import Lateral, TimeConv, TimeSample, TimeToChannel, lateral_channels
from models.training.seeding import seeded

SIZES: dict[Lateral, int] = {"pool_eca": 4, "tconv": 8, "t2c": 8, "tsample": 4}
"""Channels made of 4, at two dense frames for a sparse one."""


@pytest.mark.parametrize("lateral", sorted(SIZES))
def test_each_gives_the_channels_it_declares(lateral: Lateral) -> None:
    module = dense_to_sparse(4, InteractionPlan(alpha=2, lateral=lateral)).eval()
    with torch.no_grad():
        assert module(torch.zeros(3, 4, 6, 2, 2)).shape == (3, SIZES[lateral], 3, 2, 2)
    assert lateral_channels(lateral, 4, alpha=2) == SIZES[lateral]


def test_time_to_channel_by_hand() -> None:
    """Two channels of four frames, 0 1 2 3 and 10 11 12 13; two frames a group."""
    dense = torch.tensor([[0.0, 1, 2, 3], [10, 11, 12, 13]]).view(1, 2, 4, 1, 1)
    assert TimeToChannel(alpha=2)(dense).view(4, 2).tolist() == [[0, 2], [1, 3], [10, 12], [11, 13]]


def test_time_sample_takes_the_sparse_paths_moment_when_it_counts() -> None:
    dense = torch.arange(8.0).view(1, 1, 8, 1, 1)
    assert TimeSample(alpha=4).eval()(dense).flatten().tolist() == [0, 4]


def test_time_sample_takes_any_frame_of_each_group_in_training() -> None:
    dense, module = torch.arange(8.0).view(1, 1, 8, 1, 1), TimeSample(alpha=4).train()
    with seeded(0, "draws"):
        drawn = [tuple(module(dense).flatten().tolist()) for _ in range(200)]
    assert {first for first, _ in drawn} == {0, 1, 2, 3}
    assert {second for _, second in drawn} == {4, 5, 6, 7}
    with seeded(0, "draws"):
        assert tuple(module(dense).flatten().tolist()) == drawn[0]


def test_time_conv_is_a_convolution_of_stride_alpha() -> None:
    """One channel in, weights 1 at the last of five taps: each output is the frame two after the group's first."""
    module = TimeConv(1, alpha=4)
    with torch.no_grad():
        module.weight.zero_()[:, :, 4] = 1
        out = module(torch.arange(8.0).view(1, 1, 8, 1, 1))
    assert out.shape == (1, 2, 2, 1, 1)
    assert out.flatten().tolist() == [2, 6, 2, 6]


@pytest.mark.parametrize("lateral", sorted(SIZES))
def test_gradients_reach_both_ends(lateral: Lateral) -> None:
    module = fill(dense_to_sparse(4, InteractionPlan(alpha=2, lateral=lateral))).train()
    dense = torch.randn(2, 4, 4, 3, 3, requires_grad=True)
    module(dense).square().sum().backward()
    assert dense.grad is not None
    assert dense.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
