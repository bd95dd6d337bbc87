"""TSM, SlowOnly and C3D of EPAM-Net's tables, and ST-GCN++. They equal their official codes: test_models_published."""

import pytest
import torch
from torch import Tensor

from models.cuts import Backbone
from models.epam.c3d import PoseC3D
from models.epam.slowonly import PoseSlowOnly, SlowOnly
from models.epam.tsm import TSM
from models.errors import ModelParamError, ShapeError
from models.graph.stgcnpp import STGCNPlusPlus
from pipeline.skeleton.layouts import NTU_25

GRAPH = [(16, 1), (32, 2)]


def small() -> dict[str, tuple[Backbone, tuple[int, ...]]]:
    return {
        "tsm": (TSM(network="resnet18"), (3, 4, 32, 32)),
        "slowonly": (SlowOnly(width=8, blocks=(1, 1, 1, 1)), (3, 4, 32, 32)),
        "slowonly_pose": (PoseSlowOnly(5, width=8, blocks=(1, 2, 1)), (5, 6, 8, 8)),
        "c3d_pose": (PoseC3D(5, width=8), (5, 6, 8, 8)),
        "stgcnpp": (STGCNPlusPlus(NTU_25.bones, 25, layout=GRAPH), (3, 6, 25, 2)),
    }


@pytest.mark.parametrize("name", sorted(small()))
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    network, shape = small()[name]
    for module in network.modules():  # last batch norms begin at 0, and let nothing behind them learn
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
    network(torch.randn(2, *shape)).square().sum().backward()
    still = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    # A bias before a batch norm is taken away by it: its gradient is rounding at most.
    assert [name for name in still if not name.endswith("bias")] == []


def features_of_one_changed_frame(network: Backbone, clip: Tensor, cut: str) -> list[bool]:
    """Whether each frame of a cut changes when the first frame of a clip does."""
    other = clip.clone()
    other[:, :, 0] += 1
    with torch.no_grad():
        before, after = (network.eval().at(clips, (cut,))[cut] for clips in (clip, other))
    return [not torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True)]


def test_a_frame_of_tsm_knows_as_many_neighbours_as_there_are_blocks() -> None:
    """Eight blocks move it by eight frames at most; without shifts (no channel moves) each frame stands alone."""
    torch.manual_seed(0)
    clip = torch.randn(1, 3, 11, 32, 32)
    network = TSM(network="resnet18")
    assert features_of_one_changed_frame(network, clip, "frames") == [True] * 9 + [False] * 2
    network.shift_division = 10_000
    assert features_of_one_changed_frame(network, clip, "frames") == [True] + [False] * 10


def test_posec3d_halves_time_in_its_last_stage_and_slowonly_nowhere() -> None:
    networks = small()
    with torch.no_grad():
        pose, shape = networks["slowonly_pose"]
        assert pose.at(torch.zeros(1, *shape), ("map",))["map"].shape == (1, 128, 3, 1, 1)
        video, shape = networks["slowonly"]
        assert video.at(torch.zeros(1, *shape), ("map",))["map"].shape == (1, 256, 4, 1, 1)


def test_people_of_stgcnpp_are_normalised_alike() -> None:
    torch.manual_seed(0)
    network = STGCNPlusPlus(NTU_25.bones, 25, layout=GRAPH).eval()
    joints = torch.randn(2, 3, 8, 25, 2)
    with torch.no_grad():
        assert torch.allclose(network(joints), network(joints.flip(-1)), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TSM(network="mobilenet_v2"), "network must be one of"),  # type: ignore[arg-type]
        (lambda: TSM(shift_division=1), "shift_division 2 or more"),
        (lambda: SlowOnly(blocks=(1, 1, 1, 1, 1)), "at most 4 stages"),
        (lambda: PoseC3D(width=0), "width must be 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(make: type[Backbone], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        make()


def test_clips_of_another_kind_are_refused() -> None:
    for network, shape in small().values():
        with pytest.raises(ShapeError, match=r"must be \(B, "):
            network(torch.zeros(1, shape[0] + 1, *shape[1:]))
