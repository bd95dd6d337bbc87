"""Saliency: what a network looks at, by body part, beside chance."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tiny import Project
from torch import Tensor

from models.cuts import LOGITS, Backbone
from models.figures.saliency import gradient_times_input, joint_attention
from models.graph.agcn import AGCN, GraphConv
from models.training.classifier import Classifier
from models.training.seeding import seeded
from pipeline.build.runner import RunOptions
from pipeline.saliency.parts_seen import Share, joint_shares, nearest_joints, picture_shares
from pipeline.skeleton.body_parts import hand_joints, named_parts
from pipeline.skeleton.layouts import COCO_17, NTU_25
from stages.saliency import run

EDGES = ((1, 0), (2, 1))


class Linear(Backbone):
    """Two logits of three numbers: x0 + 2 x1 and 3 x2."""

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        assert tuple(names) == (LOGITS,)
        return {LOGITS: clips @ torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])}


def test_gradient_times_input_is_of_the_likeliest_class() -> None:
    """The first clip's logits are 5 and 3, the second's -1 and 6."""
    clips = np.float32([[1, 2, 1], [1, -1, 2]])
    np.testing.assert_array_equal(gradient_times_input(Linear(), clips), [[1, 4, 0], [0, 0, 6]])


def test_attention_is_what_each_joint_gets() -> None:
    with seeded(0, "model"):
        network = Classifier(AGCN(EDGES, 3, num_people=2, layout=[[8, 1], [8, 1]]), 4)
    clips = np.random.default_rng(0).normal(size=(5, 3, 8, 3, 2)).astype(np.float32)
    found = joint_attention(network, clips)
    assert found is not None
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(found) > 1e-4
    for conv in network.modules():
        if isinstance(conv, GraphConv):
            for other in conv.conv_a:
                torch.nn.init.zeros_(other.weight)  # type: ignore[arg-type]
                torch.nn.init.zeros_(other.bias)  # type: ignore[arg-type]
    np.testing.assert_allclose(joint_attention(network, clips), 1 / 3, atol=1e-6)
    assert joint_attention(Linear(), clips) is None


def test_a_pixel_belongs_to_the_nearest_known_joint_within_a_hands_length() -> None:
    """25 pixels wide: two pixels are near. Joint 2 has no score, joint 1 is nowhere."""
    joints = np.float32([[[[2.5, 0.5], [np.nan, 0.5], [20.5, 0.5]]]])
    found = nearest_joints(joints, np.float32([[[1, 1, 0]]]), (1, 25))
    assert found[0, 0].tolist() == [0] * 5 + [-1] * 20
    two = nearest_joints(np.float32([[[[2.5, 0.5]], [[5.5, 0.5]]]]), np.ones((1, 2, 1)), (1, 25))
    assert two[0, 0].tolist() == [0] * 8 + [-1] * 17  # the same joint of two people


def test_shares_of_a_picture_and_of_joints_by_hand() -> None:
    """Of ten pixels two are an arm's, and the one looked at is one of them."""
    nearest = np.array([[[0, 0, 1, 1, 1, -1, -1, -1, -1, -1]]])
    saliency = np.zeros((1, 1, 10), np.float32)
    saliency[0, 0, 1] = 1
    found = picture_shares([saliency], [nearest], {"arm": (0,), "leg": (1, 2)})
    assert found == (Share("arm", 0.2, 1.0), Share("leg", 0.3, 0.0), Share("background", 0.5, 0.0))
    assert found[0].ratio == 5
    weights = np.float32([[1, 3, 0, 0], [0, 5, 5, 0]])
    arm, none = joint_shares(weights, {"arm": (1, 2), "none": ()})
    assert (arm.chance, arm.seen) == (0.5, pytest.approx(0.875))  # (0.75 + 1) / 2
    assert np.isnan(none.ratio)


def test_parts_have_names_and_hands_are_joints_of_the_arms() -> None:
    assert list(named_parts(NTU_25)) == ["head", "torso", "left arm", "right arm", "left leg", "right leg"]
    assert hand_joints(NTU_25) == (6, 7, 10, 11, 21, 22, 23, 24)
    assert hand_joints(COCO_17) == (9, 10)


def test_the_command_measures_each_network_of_a_finished_run(finished: Project) -> None:
    found = {(one.network, one.measure.partition(",")[0]): one for one in _run(finished).found}
    assert sorted(network for network, _ in found) == ["skeleton", "skeleton", "video"]
    for seen in found.values():
        parts = [one for one in seen.shares if not one.part.startswith("hands")]
        assert sum(one.chance for one in parts) == pytest.approx(1)
        assert sum(one.seen for one in parts) == pytest.approx(1)
    text = str(_run(finished))
    assert "| part | seen, % | chance, % | times chance |" in text


def _run(project: Project) -> object:
    return run(project.paths, project.preset, RunOptions(quiet=True))
