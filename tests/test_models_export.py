"""ONNX: every class of network, written small, run by onnxruntime at other batch sizes, and equal to torch."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill
from skeleton_models import CHAIN
from torch import Tensor, nn

from models import export
from models.amfi.baselines import PlainFusion
from models.amfi.fusion import AMFIFusion
from models.amfi.r3d import R3D18
from models.cssi.dinet import DINetR
from models.cssi.network import CachedFrames, CSSIModel
from models.cssi.pvrm import PVRM, Conv3dHead, LSTMHead
from models.cssi.resnet import FrameResNet
from models.epam.network import EPAMHead, EPAMNet
from models.epam.xnets import X3DM, X3DS, PoseXShiftNet, RGBXShiftNet
from models.errors import ExportError
from models.export import export_onnx, run_onnx
from models.graph.aagcn import AAGCN
from models.graph.agcn import AGCN
from models.graph.ctrgcn import CTRGCN
from models.graph.layouts import blocks
from models.graph.stgcn import STGCN
from models.interaction.attention import InteractionPlan, LastInteraction
from models.interaction.two_path import TwoPath
from models.night.zerodce import ZeroDCE

JOINTS = (3, 8, 5, 2)
VIDEO = (3, 4, 32, 32)
POSE = (17, 4, 8, 8)
MATRIX = (40, 49)
TINY: dict[str, Any] = {"width": 8, "blocks": (1,)}
GRAPH: dict[str, Any] = {"layout": blocks((8, 1), (16, 1))}
"""Two blocks, the second of stride 2: what is written of a network grows with its blocks, and they are alike."""
PARTS = ((0,), (1,), (2,), (3,), (4,), (0, 1, 2))
LATE = InteractionPlan(alpha=4)

Shapes = tuple[tuple[int, ...], ...]

NETWORKS: dict[str, tuple[Callable[[], nn.Module], Shapes]] = {
    "R3D18": (lambda: R3D18(width=4), (VIDEO,)),
    "AGCN": (lambda: AGCN(CHAIN, 5, **GRAPH), (JOINTS,)),
    "AAGCN": (lambda: AAGCN(CHAIN, 5, **GRAPH), (JOINTS,)),
    "CTRGCN with SF-Heads": (lambda: CTRGCN(CHAIN, 5, **GRAPH, sf_head=1), (JOINTS,)),
    "STGCN": (lambda: STGCN(CHAIN, 5, **GRAPH), (JOINTS,)),
    "X3DM": (lambda: X3DM(**TINY), (VIDEO,)),
    "X3DS": (lambda: X3DS(**TINY), (POSE,)),
    "EPAMHead, rival": (
        lambda: EPAMHead(5, attention="rival", rgb_channels=6, pose_channels=4, num_frames=3),
        ((6, 3, 4, 4), (4,), (4, 3, 4, 4)),
    ),
    "EPAMNet": (
        lambda: EPAMNet(5, rgb=RGBXShiftNet(**TINY), pose=PoseXShiftNet(**TINY), num_frames=2),
        ((3, 2, 32, 32), (17, 6, 16, 16)),
    ),
    "FrameResNet": (FrameResNet, ((3, 2, 32, 32),)),
    "DINetR": (lambda: DINetR(CHAIN, 5, parts=PARTS), ((3, 4, 5, 2),)),
    "CSSIModel": (
        lambda: CSSIModel(
            5, skeleton=DINetR(CHAIN, 5, parts=((0, 1, 2), (3, 4))), video=CachedFrames(12), head=LSTMHead
        ),
        ((3, 4, 5, 2), (4, 12)),
    ),
    "PVRM": (lambda: PVRM(5, 49, widths=(4, 8)), (MATRIX,)),
    "LSTMHead": (lambda: LSTMHead(5, 49, hidden=8), (MATRIX,)),
    "Conv3dHead": (lambda: Conv3dHead(5, 49, widths=(4, 8)), (MATRIX,)),
    "AMFIFusion": (lambda: AMFIFusion(5, skeleton_dim=8, video_dim=8), ((8,), (8,))),
    "AMFIFusion, feature_token": (
        lambda: AMFIFusion(5, skeleton_dim=8, video_dim=8, association="feature_token"),
        ((8,), (8,)),
    ),
    "PlainFusion": (
        lambda: PlainFusion(5, kind="concatenation", skeleton_dim=8, video_dim=6),
        ((8,), (6,)),
    ),
    "TwoPath, dense": (lambda: TwoPath(width=8, variant="dense", depth="table"), ((3, 16, 32, 32),)),
    "LastInteraction": (lambda: LastInteraction(8, 4, LATE), ((8, 2, 3, 5), (4, 8, 3, 5))),
    "ZeroDCE": (lambda: ZeroDCE(4), ((3, 8, 8),)),
}
"""By name: a network, and one clip's inputs. EPAMNet holds both X-ShiftNets."""


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest keeps every record; torch's tracer makes thousands."""
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "propagate", False)


def inputs_of(shapes: Shapes, clips: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(clips)
    return [torch.rand(clips, *shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_says_what_torch_says_of_any_number_of_clips(name: str, tmp_path: Path) -> None:
    make, shapes = NETWORKS[name]
    model, path = fill(make()), tmp_path / "net.onnx"
    names = [f"input_{place}" for place in range(len(shapes))]
    assert export_onnx(model, inputs_of(shapes, 2), path, names=names) < 1e-4
    for clips in (1, 3):
        inputs = inputs_of(shapes, clips)
        with torch.no_grad():
            output = model(*inputs)
        expected = (output if isinstance(output, Tensor) else output.logits).numpy()
        found = run_onnx(path, {key: x.numpy() for key, x in zip(names, inputs, strict=True)})
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()
        assert np.ptp(expected) > 0


class Sized(nn.Module):
    """Says how many clips there are, as Python sees it: no file can."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=1) if len(x) == 2 else x.sum(dim=1) + len(x)


def test_what_depends_on_the_batch_in_python_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Sized cannot be exported"):
        export_onnx(Sized(), [torch.rand(2, 3)], tmp_path / "x.onnx", names=["x"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_disagrees_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = export.run_onnx
    monkeypatch.setattr(export, "run_onnx", lambda path, inputs: honest(path, inputs) * 1.01)
    with pytest.raises(ExportError, match=r"Linear as ONNX differs from torch by 0\.01"):
        export_onnx(nn.Linear(3, 2), [torch.rand(2, 3)], tmp_path / "x.onnx", names=["x"])
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_and_single_clips_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExportError, match=r"two clips or more, got \[1\]"):
        export_onnx(nn.Linear(3, 2), [torch.rand(1, 3)], tmp_path / "x.onnx", names=["x"])
    monkeypatch.setattr(export, "NEEDS", ("onnx", "no_such_package"))
    with pytest.raises(ExportError, match=r"needs no_such_package: pip install 'harcache\[onnx\]'"):
        export_onnx(nn.Linear(3, 2), [torch.rand(2, 3)], tmp_path / "x.onnx", names=["x"])
