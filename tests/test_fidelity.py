"""docs/fidelity.md: the proofs that no other file has, and that the page says what the code does."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from house import HOUSE, named_tests, names_of_tests
from skeleton_models import CHAIN
from torch import Tensor, nn

from models.amfi.fusion import AMFIFusion, GateSign, Weigh
from models.backbones import backbone_class, build_backbone
from models.cssi.dinet import DINetR
from models.cssi.network import MATRIX, CSSIModel
from models.cuts import Cut, cut_shapes
from models.graph.ctrgcn import CTRGCN
from models.graph.layouts import blocks
from models.names import BACKBONES, OF_LIBRARIES
from models.sf_head.sfhead import SFHead
from models.training.classifier import Classifier
from models.training.seeding import seeded
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import Skeleton
from pipeline.video.boxes import BoxRule, box_of
from pipeline.video.sampling import SamplingRule, sample

PAGE = (HOUSE / "docs" / "fidelity.md").read_text()

NTU60, NTU120 = 56_880, 114_480
"""Clips."""


# ------------------------------------------------------------------------------- AMFI-Net's gate


def two_modalities(num_clips: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features of 16 numbers: the skeleton's tell four classes apart, the video's barely do."""
    centres = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (num_clips,), generator=generator)
    noise = torch.randn(2, num_clips, 16, generator=generator)
    return centres[0][labels] + noise[0], 0.3 * centres[1][labels] + noise[1], labels


def gate_after_training(sign: GateSign, weigh: Weigh, lambda_gate: float = 1.5) -> float:
    """Mean of G on clips that were not trained on; sixty steps, at the paper's lambda of 1.5 unless given."""
    with seeded(0, "gate"):
        head = AMFIFusion(
            4, skeleton_dim=16, video_dim=16, gate_sign=sign, weigh=weigh, lambda_gate=lambda_gate
        )
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    skeleton, video, labels = two_modalities(512, seed=1)
    for _ in range(60):
        optimiser.zero_grad()
        head.loss(head(skeleton, video), labels).backward()
        optimiser.step()
    with torch.no_grad():
        gate = head.eval()(*two_modalities(2000, seed=2)[:2]).gate
    assert gate is not None
    return float(gate.mean())


@pytest.mark.parametrize(("weigh", "shut", "open_"), [("original", 0.15, 0.95), ("associated", 0.01, 0.99)])
def test_the_printed_gate_loss_shuts_the_skeleton_out(weigh: Weigh, shut: float, open_: float) -> None:
    """Although it is the modality that tells the classes apart, and the decision modality."""
    assert gate_after_training("literal", weigh) < shut
    assert gate_after_training("repaired", weigh) > open_


# ---------------------------------------------------------------------- SF-Head in training only


def moved_joint(num_clips: int, seed: int) -> tuple[Tensor, Tensor]:
    """One of the first four joints of five is moved aside: four classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_clips) % 4
    clips = 0.3 * torch.randn(num_clips, 3, 8, 5, 1, generator=generator)
    clips[torch.arange(num_clips), 0, :, labels, 0] += 0.7
    return clips, labels


def test_heads_that_are_left_out_at_inference_take_what_was_learned_with_them() -> None:
    options = {"groups": 1, "strip_at_inference": True}
    with seeded(1, "strip"):
        network = CTRGCN(CHAIN, 5, num_people=1, layout=blocks((8, 1), (16, 2)), sf_head=options)
        model = Classifier(network, 4)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    clips, labels = moved_joint(128, seed=1)
    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model.train()(clips), labels)
        extra = model.backbone.extra_loss()
        assert extra is not None
        (loss + extra).backward()
        optimiser.step()

    def accuracy() -> float:
        unseen, truth = moved_joint(400, seed=2)
        with torch.no_grad():
            return float((model.eval()(unseen).argmax(dim=1) == truth).float().mean())

    stripped = accuracy()
    for head in (module for module in model.modules() if isinstance(module, SFHead)):
        head.options = replace(head.options, strip_at_inference=False)
    assert accuracy() > 0.6
    assert stripped < 0.4


# ---------------------------------------------------------------------------- EPAM-Net's two boxes


def reaching(frame: int) -> Skeleton:
    """A person of 100 × 200 pixels who reaches 150 pixels to the right in one frame of 103."""
    joints = np.tile(np.array([[900, 400], [1000, 600]], np.float32), (103, 1, 1, 1))
    joints[frame, 0, 0, 0] = 1150
    nowhere = np.full((103, 1, 2, 3), np.nan, np.float32)
    return Skeleton(nowhere, joints, np.ones((103, 1, 2), np.float32), np.arange(103, dtype=np.int32))


def test_boxes_of_sampled_and_of_all_frames_differ() -> None:
    """The official code draws heatmaps in the box of 48 sampled frames and cuts pixels by that of all."""
    seen = sample(SamplingRule(rule="uniform_sample_frames", num_frames=48), 103).frames[0]
    frame = int(np.setdiff1d(np.arange(103), seen)[0])
    whole, rule = reaching(frame), BoxRule(rule="square")
    sampled = Skeleton(
        *(values[seen] for values in (whole.joints_3d, whole.joints_2d, whole.score, whole.video_frame))
    )
    pixels, maps = box_of(rule, whole, 1080, 1920), box_of(rule, sampled, 1080, 1920)
    assert pixels.width > 1.2 * maps.width
    centres = [(box.left + box.right) / 2 for box in (pixels, maps)]
    assert centres[0] - centres[1] == pytest.approx(75, abs=1)


# ------------------------------------------------------------------------------------ the page


@cache
def cuts() -> dict[tuple[str, str], tuple[Cut, tuple[int, ...]]]:
    """Every cut of every backbone at its declared input, with one clip's shape."""
    found: dict[tuple[str, str], tuple[Cut, tuple[int, ...]]] = {}
    for kind in BACKBONES.keys() - OF_LIBRARIES:
        shape = backbone_class(kind).expects.shape
        with torch.device("meta"):
            network = build_backbone({"kind": kind}, shape=shape, edges=NTU_25.bones)
        shapes = cut_shapes(network, shape, [cut.name for cut in network.cuts])
        found |= {(kind, cut.name): (cut, shapes[cut.name]) for cut in network.cuts}
    return found


def cut_rows() -> list[list[str]]:
    lines = (line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| "))
    return [cells for cells in lines if len(cells) == 7 and "float" in cells[2]]


def expected_row(kind: str, cut: Cut, shape: tuple[int, ...]) -> list[str]:
    size = cut.num_bytes(shape)
    sizes = [f"{size:,}", *(f"{size * clips / 1e9:.2f}" for clips in (NTU60, NTU120))]
    return [kind, cut.name, f"{'×'.join(map(str, shape))} {cut.dtype}", *sizes, cut.serves]


def test_the_pages_table_of_cuts_is_the_codes() -> None:
    expected = [expected_row(kind, cut, shape) for (kind, _), (cut, shape) in cuts().items()]
    fused = expected_row("CSSIModel", MATRIX, (128, 256))
    assert sorted(cut_rows()) == sorted([*expected, fused])


def test_the_fused_matrix_has_the_declared_shape() -> None:
    with torch.device("meta"):
        model = CSSIModel(60, skeleton=DINetR(NTU_25.bones, 25))
        assert model.matrix(torch.empty(1, 3, 128, 25, 2)).shape == (1, 128, 256)


@pytest.mark.parametrize(
    ("kind", "cut", "size"),
    [
        ("rgb_xshift", "map", 677_376),
        ("pose_xshift", "channel_pool", 3_136),
        ("pose_xshift", "map", 1_016_064),
        ("pose_xshift", "strided_map", 338_688),
        ("pose_xshift", "features", 864),
        ("rgb_xshift", "features", 1_728),
        ("frame_resnet", "segments", 131_072),
        ("ctrgcn", "last_block", 409_600),
        ("two_path", "gap", 9_216),
    ],
)
def test_bytes_of_a_clip_are_the_specs(kind: str, cut: str, size: int) -> None:
    found, shape = cuts()[kind, cut]
    assert found.num_bytes(shape) == size


def test_every_test_that_the_page_names_exists() -> None:
    named = named_tests(PAGE)
    assert len(named) > 20
    assert sorted(named - names_of_tests()) == []


def test_every_file_that_the_page_names_exists() -> None:
    for path in set(re.findall(r"\b(?:models|pipeline|tests|docs|bench)/\w+\.\w+", PAGE)):
        assert (HOUSE / path).is_file(), path


def test_figures_of_the_page_stand_in_the_commands_table() -> None:
    """What `python cli.py models` counts is quoted as it counts."""
    from models.figures.counting import count
    from models.figures.published import published

    quoted: dict[str, Any] = {
        "pose_xshift": "532,600",
        "amfi": "43,264,038",
        "cssi": "20,245,372",
        "cssi_without_resnet": "9,068,860",
    }
    for entry in published(NTU_25.bones, 25):
        if entry.name in quoted:
            with torch.device("meta"):
                network = entry.build()
            found = f"{count(network, *entry.inputs).parameters:,}"
            assert found == quoted[entry.name]
            assert found in PAGE
