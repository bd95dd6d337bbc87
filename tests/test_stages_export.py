"""`python cli.py export`: weights in, an ONNX file out that says what it must be fed."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

import cli
from models.backbones import build_backbone
from models.errors import ModelParamError
from models.export import run_onnx
from models.published.card import WeightsCard
from models.training.checkpoint import encode, load_pretrained
from pipeline.skeleton.layouts import COCO_17, NTU_25
from stages.export import run

VIDEO = WeightsCard(
    "r3d18",
    {"width": 2, "stem": "3x7x7"},
    {"frames": 4, "size": 32, "mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2]},
)
JOINTS = WeightsCard(
    "agcn",
    {"layout": [[4, 1], [8, 2]]},
    {"stream": "bone", "layout": "ntu_25", "num_frames": 6, "max_persons": 1, "style": "agcn"},
)
MAPS = WeightsCard(
    "pose_xshift",
    {"width": 8, "blocks": [1]},
    {
        "layout": "coco_17",
        "frames": 4,
        "size": [8, 10],
        "with_joints": True,
        "bones": COCO_17.drawn_limbs,
        "with_limbs": True,
        "sigma": 0.6,
    },
)


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest keeps every record; torch's tracer makes thousands."""
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "propagate", False)


def written(folder: Path, card: WeightsCard, shape: tuple[int, ...]) -> Path:
    """Weights of the card's network, for clips of that shape."""
    edges = NTU_25.bones if card is JOINTS else ()
    network = build_backbone({"kind": card.model, **card.options}, shape=shape, edges=edges)
    path = folder / "weights.pt"
    path.write_bytes(encode(network.state_dict(), card))
    return path


def metadata(path: Path) -> dict[str, Any]:
    return {entry.key: json.loads(entry.value) for entry in onnx.load(str(path)).metadata_props}


@pytest.mark.parametrize(
    ("card", "shape"),
    [(VIDEO, (3, 4, 32, 32)), (JOINTS, (3, 6, 25, 1)), (MAPS, (34, 4, 8, 10))],
    ids=["video", "joints", "heatmaps"],
)
def test_the_file_carries_how_its_input_is_made(
    card: WeightsCard, shape: tuple[int, ...], tmp_path: Path
) -> None:
    weights, out = written(tmp_path, card, shape), tmp_path / "net.onnx"
    done = run(card.model, weights, out)
    assert done.shape == shape
    facts = metadata(out)
    assert facts["backbone"] == {"kind": card.model, **card.options}
    assert facts["preprocessing"].items() >= {**card.normalisation, "shape": list(shape)}.items()
    assert len(facts["weights_sha256"]) == 64
    clips = torch.rand(3, *shape)
    edges = NTU_25.bones if card is JOINTS else ()
    network = build_backbone({"kind": card.model, **card.options}, shape=shape, edges=edges)
    load_pretrained(network, weights, expected=card)
    with torch.no_grad():
        expected = network.eval()(clips).numpy()
    assert np.allclose(run_onnx(out, {"clips": clips.numpy()}), expected, rtol=1e-3, atol=1e-5)


def test_the_command_says_what_it_wrote_and_what_it_refuses(tmp_path: Path) -> None:
    weights, out = written(tmp_path, VIDEO, (3, 4, 32, 32)), tmp_path / "net.onnx"
    result = CliRunner().invoke(cli.app, ["export", "r3d18", "--weights", str(weights), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "r3d18 for clips of (any number, 3, 4, 32, 32)" in result.stdout
    assert metadata(out)["preprocessing"]["mean"] == [0.4, 0.4, 0.4]
    other = tmp_path / "other.onnx"
    result = CliRunner().invoke(cli.app, ["export", "agcn", "--weights", str(weights), "--out", str(other)])
    assert result.exit_code == 2
    assert "holds weights of 'r3d18', asked for is 'agcn'" in result.output
    assert not other.exists()


def test_weights_that_name_no_layout_are_refused(tmp_path: Path) -> None:
    card = WeightsCard("agcn", JOINTS.options, {"num_frames": 6})
    weights = tmp_path / "weights.pt"
    weights.write_bytes(encode({}, card))
    with pytest.raises(ModelParamError, match=r"must name a layout of joints, one of .*'ntu_25'"):
        run("agcn", weights, tmp_path / "net.onnx")
