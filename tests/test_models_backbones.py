"""R3D-18 and AGCN against published sizes and the reference's own numbers (SPEC 7 and 8)."""

import importlib
import json
import os
from typing import Any

import pytest
import torch
from fill import digest, fill, ramp
from torch import nn

import models
from models.amfi.r3d import R3D18
from models.backbones import cuts_of
from models.errors import ModelParamError, ShapeError
from models.graph.agcn import AGCN
from models.graph.graphs import adjacency
from models.graph.layouts import AGCN_LAYOUTS, GraphBlock, blocks
from models.preprocessing import VideoInput
from models.training.classifier import Classifier
from models.training.published_weights import TORCHVISION_OPTIONS
from pipeline.skeleton.layouts import NTU_25, UTD_20

CHAIN = ((1, 0), (2, 1))
"""Three joints in a row: 2 → 1 → 0."""

AGCN_JOINT_60 = {
    "first": [0.888077, 0.579357, 0.135729, -0.349997, -0.769968, -1.02562],
    "sum": -1.34353,
    "abs_sum": 39.66544,
    "dot_cos": -1.19218,
}
"""The official 2s-AGCN joint stream, filled by rule, on ramp(1, 3, 32, 25, 2): the spec's golden.json."""


def num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def chain_agcn(**options: Any) -> AGCN:
    return AGCN(CHAIN, 3, **{"layout": blocks((8, 1), (16, 1)), **options})


def test_adjacency_of_a_chain_by_hand() -> None:
    own, inward, outward = adjacency(CHAIN, 3).tolist()
    assert own == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert inward == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert outward == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_adjacency_columns_are_normalised() -> None:
    for graph in adjacency(NTU_25.bones, 25):
        assert all(abs(total) < 1e-6 or abs(total - 1) < 1e-6 for total in graph.sum(dim=0).tolist())


def test_adjacency_refuses_an_edge_outside_the_skeleton() -> None:
    with pytest.raises(ModelParamError, match=r"\(3, 0\).*below 3"):
        adjacency(((3, 0),), 3)


@pytest.mark.parametrize(("classes", "expected"), [(60, 3_469_510), (120, 3_484_930)])
def test_official_agcn_has_its_published_size(classes: int, expected: int) -> None:
    assert num_parameters(Classifier(AGCN(NTU_25.bones, 25), classes)) == expected


@pytest.mark.parametrize(("layout", "expected"), [("paper_9_512", 6_617_386), ("paper_10_512", 6_675_165)])
def test_agcn_with_a_512_block_has_the_papers_size(layout: Any, expected: int) -> None:
    assert num_parameters(AGCN(NTU_25.bones, 25, layout=AGCN_LAYOUTS[layout])) == expected


def test_agcn_equals_the_official_network() -> None:
    model = fill(Classifier(AGCN(NTU_25.bones, 25), 60))
    with torch.no_grad():
        found = digest(model(ramp(1, 3, 32, 25, 2)))
    for name, expected in AGCN_JOINT_60.items():
        assert found[name] == pytest.approx(expected, rel=1e-4), name


@pytest.mark.parametrize("options", [{}, {"adaptive": False}, {"num_people": 1}, {"dropout": 0.5}])
def test_agcn_makes_features_of_its_last_width(options: dict[str, Any]) -> None:
    people = options.get("num_people", 2)
    model = chain_agcn(**options)
    assert model(torch.randn(4, 3, 8, 3, people)).shape == (4, 16)
    assert model.num_features == 16


def test_every_parameter_of_agcn_learns() -> None:
    model = fill(Classifier(AGCN(UTD_20.bones, 20, num_people=1, layout=blocks((8, 2), (16, 1))), 5)).train()
    nn.functional.cross_entropy(model(torch.randn(4, 3, 8, 20, 1)), torch.arange(4)).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_agcn_says_which_shape_it_wants() -> None:
    with pytest.raises(ShapeError, match=r"\(B, 3, T ≥ 2, 3, 2\) of floats.*got \(4, 3, 8, 5, 2\)"):
        chain_agcn()(torch.zeros(4, 3, 8, 5, 2))


def test_agcn_refuses_layouts_that_cannot_be() -> None:
    with pytest.raises(ModelParamError, match="1 or more blocks, got 0"):
        chain_agcn(layout=())
    with pytest.raises(ModelParamError, match="divisible by 4"):
        GraphBlock(6)


@pytest.mark.parametrize(("stem", "expected"), [("7x7x7", 33_203_904), ("3x7x7", 33_166_272)])
def test_r3d_has_its_published_size(stem: Any, expected: int) -> None:
    assert num_parameters(R3D18(stem=stem)) == expected


def test_r3d_equals_torchvisions_with_its_weights() -> None:
    video = pytest.importorskip("torchvision.models.video", reason="torchvision is the reference here")
    reference = fill(video.r3d_18(weights=None))
    reference.fc = nn.Identity()
    ours = R3D18(3, **TORCHVISION_OPTIONS)  # type: ignore[arg-type]
    ours.load_state_dict(reference.state_dict())
    clips = ramp(1, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(clips), reference(clips), rtol=1e-5, atol=1e-5)


def test_r3d_thins_time_and_space_as_its_switches_say() -> None:
    model = R3D18(1, width=4).eval()
    with torch.no_grad():
        assert model.stem(torch.zeros(1, 1, 16, 112, 112)).shape == (1, 4, 4, 28, 28)
        assert model(torch.zeros(2, 1, 8, 32, 32)).shape == (2, 32)


def test_r3d_says_which_shape_it_wants() -> None:
    with pytest.raises(ShapeError, match=r"\(B, 1, T ≥ 1, H ≥ 32, W ≥ 32\).*got \(2, 3, 8, 32, 32\)"):
        R3D18(1, width=4)(torch.zeros(2, 3, 8, 32, 32))


def test_r3d_refuses_an_unknown_stem() -> None:
    with pytest.raises(ModelParamError, match=r"3x7x7.*7x7x7.*got '5x5x5'"):
        R3D18(stem="5x5x5")  # type: ignore[arg-type]


def test_video_input_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ModelParamError, match="one value a channel, got 2 and 1"):
        VideoInput(mean=(0.0, 0.0), std=(1.0,))
    with pytest.raises(ModelParamError, match="std must be above 0"):
        VideoInput(mean=(0.0,), std=(0.0,))


def test_cuts_and_their_shapes_are_found_once() -> None:
    """To find them on the meta device torch imports its compiler: seconds of a stage that has nothing to do."""
    asked: list[Any] = []
    answers: list[Any] = []

    def remember(question: Any, find: Any) -> Any:
        asked.append(question)
        answers[:] = answers or json.loads(json.dumps(find()))
        return answers

    options = {"kind": "r3d18", "width": 8}
    found = cuts_of(options, ["features"], shape=(3, 16, 32, 32), remember=remember)
    assert found == [(R3D18(3, width=8).cut("features"), (64,))]  # 8 channels, doubled three times
    answers[0][1] = [65]
    assert cuts_of(options, ["features"], shape=(3, 16, 32, 32), remember=remember)[0][1] == (
        65,
    )  # as it is told
    assert asked == [["cuts", options, ["features"], [3, 16, 32, 32], [], None]] * 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_sleep_soon_at_barriers(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    importlib.reload(models)
    assert os.environ.get("GOMP_SPINCOUNT") == expected
