"""Published weights: state dicts named as the official codes name them give our networks those codes' own outputs.

Names and shapes are those of `official_states`. Each kind is held to two outputs of its official module: with
fill.py's values (the spec's golden.json, where it has one), and with values that differ from name to name, which alone
shows that no two tensors of one shape are exchanged.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fill import digest, ramp
from official_outputs import OFFICIAL
from official_states import valued
from torch import Tensor

from models.backbones import build_backbone
from models.errors import CheckpointError
from models.published.card import WeightsCard
from models.published.kinds import PUBLISHED, WeightsKind
from models.training.checkpoint import Loaded, decode, load_pretrained
from models.training.classifier import Classifier
from models.training.trainable_backbone import TrainableBackbone
from pipeline.keys.keyed import in_key
from pipeline.params.backbones import Pretrained
from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.layouts import NTU_25
from pipeline.skeleton.normalise import SkeletonInput

WRAPPED: dict[str, Callable[[dict[str, Tensor]], dict[str, Any]]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"meta": {"epoch": 16}, "state_dict": state},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "DataParallel": lambda state: {"model_state_dict": {f"module.{name}": x for name, x in state.items()}},
    "counts no batches": lambda state: {
        name: x for name, x in state.items() if not name.endswith("num_batches_tracked")
    },
}

every_kind = pytest.mark.parametrize("kind", OFFICIAL)


@cache
def theirs(kind: WeightsKind, num_classes: int) -> dict[str, Tensor]:
    """The official state dict, of values of each name's own."""
    return valued(OFFICIAL[kind].shapes(num_classes), by_name=True)


def saved(path: Path, document: dict[str, Any]) -> Path:
    torch.save(document, path)
    return path


def classifier(kind: WeightsKind) -> Classifier:
    """Our network, as fresh as it is drawn."""
    official = OFFICIAL[kind]
    options = {"kind": PUBLISHED[kind].card.model, **official.options}
    shape = official.clip[1:]
    return Classifier(build_backbone(options, shape=shape, edges=NTU_25.bones), official.num_classes).eval()


def loaded(model: Classifier, path: Path, kind: WeightsKind) -> Loaded:
    found = load_pretrained(model.backbone, path, expected=PUBLISHED[kind].card, kind=kind)
    model.fc.load_state_dict(found.classifier)
    return found


@pytest.mark.parametrize("by_name", [False, True])
@every_kind
def test_official_weights_give_the_official_outputs(kind: WeightsKind, by_name: bool, tmp_path: Path) -> None:
    official = OFFICIAL[kind]
    state = valued(official.shapes(official.num_classes), by_name=by_name)
    model = classifier(kind)
    loaded(model, saved(tmp_path / "weights.pt", state), kind)
    with torch.no_grad():
        found = digest(model.fc(model.backbone.double()(ramp(*official.clip).double()).float()))
    for name, expected in (official.named if by_name else official.filled).items():
        assert found[name] == pytest.approx(expected, rel=1e-5, abs=2e-5), name


def test_every_kind_of_others_networks_is_proven() -> None:
    assert OFFICIAL.keys() == {kind for kind in PUBLISHED if not kind.startswith("torchvision_")}


@pytest.mark.parametrize("how", WRAPPED)
def test_what_trainers_wrap_around_a_state_dict_is_taken_off(how: str, tmp_path: Path) -> None:
    state = theirs("2s_agcn", 60)
    model = classifier("2s_agcn")
    loaded(model, saved(tmp_path / "weights.pt", WRAPPED[how](state)), "2s_agcn")
    assert torch.equal(model.backbone.state_dict()["blocks.9.tcn.conv.weight"], state["l10.tcn1.conv.weight"])
    assert torch.equal(model.fc.weight, state["fc.weight"])


def test_a_trainers_document_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "log.pt", {"epoch": 3, "net": theirs("2s_agcn", 60)})
    with pytest.raises(CheckpointError, match=r"log.pt must hold a state dict .* got epoch, net; save one"):
        loaded(classifier("2s_agcn"), path, "2s_agcn")


def test_two_names_for_one_tensor_are_refused(tmp_path: Path) -> None:
    state = theirs("2s_agcn", 60)
    path = saved(tmp_path / "both.pt", {**state, "blocks.0.gcn.PA": state["l1.gcn1.PA"]})
    with pytest.raises(
        CheckpointError, match=r"two tensors for blocks.0.gcn.PA, one of them blocks.0.gcn.PA"
    ):
        loaded(classifier("2s_agcn"), path, "2s_agcn")


def test_layers_that_only_fr_heads_training_needs_are_left_out(tmp_path: Path) -> None:
    state = theirs("ctr_gcn", 120) | {"ren_low.avg_f": torch.zeros(3)}
    loaded(classifier("ctr_gcn"), saved(tmp_path / "runs.pt", state), "ctr_gcn")


def test_another_number_of_joints_is_refused_by_shape(tmp_path: Path) -> None:
    state = theirs("2s_agcn", 60) | {"l1.gcn1.PA": torch.zeros(3, 18, 18)}
    with pytest.raises(CheckpointError, match=r"blocks.0.gcn.PA must be \(3, 25, 25\), got \(3, 18, 18\)"):
        loaded(classifier("2s_agcn"), saved(tmp_path / "kinetics.pt", state), "2s_agcn")


def test_a_trunks_own_file_is_taken_as_the_whole_networks(tmp_path: Path) -> None:
    whole = theirs("epam_net_rgb", 60)
    own = {name.removeprefix("rgb_"): tensor for name, tensor in whole.items() if name.startswith("rgb_")}
    model = classifier("epam_net_rgb")
    loaded(model, saved(tmp_path / "rgb.pth", {"model_state_dict": own}), "epam_net_rgb")
    assert torch.equal(model.fc.weight, whole["rgb_cls_head.fc_cls.weight"])
    with pytest.raises(
        CheckpointError, match=r"does not fit PoseXShiftNet: layer1.3.conv1.bn.bias is missing"
    ):
        loaded(classifier("epam_net_pose"), tmp_path / "rgb.pth", "epam_net_pose")


# ------------------------------------------------------------------- the input that they need

AGCN_INPUT = SkeletonInput(style="agcn", num_frames=300)
CTR_INPUT = SkeletonInput(style="ctr", num_frames=64, length="resize")


def fed(how: SkeletonInput, layout: str = "ntu_25") -> dict[str, Any]:
    return {"stream": "joint", "layout": layout, **in_key(how)}


@pytest.mark.parametrize(
    ("kind", "model", "options", "facts"),
    [
        ("2s_agcn", "agcn", {}, fed(AGCN_INPUT)),
        ("2s_agcn", "agcn", {"layout": "official_10", "dropout": 0.5}, fed(SkeletonInput(joints="metric"))),
        ("2s_agcn", "agcn", {}, {**fed(SkeletonInput(num_frames=64, length="resize")), "stream": "bone"}),
        ("ctr_gcn", "ctrgcn", {}, fed(CTR_INPUT)),
        ("pyskl_aagcn", "aagcn", {}, fed(SkeletonInput(style="pyskl", num_frames=100, length="resize"))),
        (
            "epam_net_pose",
            "pose_xshift",
            {},
            {"layout": "coco_17", "frames": 48, **in_key(HeatmapRule(dtype="uint8"))},
        ),
    ],
)
def test_input_of_their_own_making_is_taken(
    kind: WeightsKind, model: str, options: dict[str, Any], facts: dict[str, Any], tmp_path: Path
) -> None:
    path = saved(tmp_path / "weights.pt", theirs(kind, OFFICIAL[kind].num_classes))
    network = classifier(kind).backbone
    assert (
        len(load_pretrained(network, path, expected=WeightsCard(model, options, facts), kind=kind).sha256)
        == 64
    )


@pytest.mark.parametrize(
    ("options", "facts", "message"),
    [
        ({}, fed(CTR_INPUT), "normalisation.style is 'agcn', expected 'ctr'"),
        ({}, fed(AGCN_INPUT, "utd_20"), "normalisation.layout is 'ntu_25', expected 'utd_20'"),
        ({}, fed(SkeletonInput(max_persons=1)), "normalisation.max_persons is 2, expected 1"),
        ({}, fed(SkeletonInput(joints="pixels")), "normalisation.joints is 'either', expected 'pixels'"),
        (
            {},
            fed(SkeletonInput(x_axis="right_to_left")),
            "x_axis is 'left_to_right', expected 'right_to_left'",
        ),
        ({"layout": "small"}, fed(AGCN_INPUT), "options.layout is None, expected 'small'"),
        ({"adaptive": False}, fed(AGCN_INPUT), "options.adaptive is True, expected False"),
        ({"sf_head": 8}, fed(AGCN_INPUT), "options.sf_head is None, expected 8"),
    ],
)
def test_other_input_or_another_network_is_refused(
    options: dict[str, Any], facts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "weights.pt", theirs("2s_agcn", 60))
    with pytest.raises(CheckpointError, match=f"{message}.*; set the params"):
        load_pretrained(
            classifier("2s_agcn").backbone, path, expected=WeightsCard("agcn", options, facts), kind="2s_agcn"
        )


# ------------------------------------------------------------------- in a training

TOLD = {
    "kept": "is kept, 3 classes as here",
    "dropped": "is dropped, of 60 classes where there are 3; a new one",
}


@pytest.mark.parametrize(("fate", "num_classes"), [("kept", 3), ("dropped", 60)])
def test_a_classifier_is_kept_where_it_has_as_many_classes(
    fate: str, num_classes: int, tmp_path: Path
) -> None:
    state = theirs("ctr_gcn", num_classes)
    path = saved(tmp_path / "weights.pt", state)
    told: list[str] = []
    network = TrainableBackbone(
        "joints",
        {"kind": "ctrgcn"},
        (3, 8, 25, 2),
        NTU_25.bones,
        fed(CTR_INPUT),
        num_classes=3,
        dropout=0.0,
        classifier_init="normal_0.01",
        start=Pretrained(path=str(path), sha256=sha256(path.read_bytes()).hexdigest(), kind="ctr_gcn"),
        notice=told.append,
    )
    clips, labels = np.zeros((3, 3, 8, 25, 2), np.float32), np.arange(3)
    plan = {"epochs": 1, "lr": 1e-12, "momentum": 0.0, "weight_decay": 0.0, "seed": 0, "amp": "off"}
    files = network.fit(
        lambda _: iter([((clips,), labels)]), plan, resume=tmp_path / "epoch.pt", accuracy=None
    )
    (message,) = told
    assert TOLD[fate] in message
    trained = decode(files["classifier.pt"]).state["weight"]
    assert torch.allclose(trained, state["fc.weight"][:3], atol=1e-6) == (fate == "kept")
