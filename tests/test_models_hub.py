"""timm's and transformers' networks: built by name, filled from a folder that holds weights and configuration.

Networks are tiny and of random weights; the library itself saves them into a folder, as it would a published one.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import PLAN, Project
from torch import Tensor, nn

from cache import open_store
from models.backbones import backbone_class, build_backbone, cuts_of
from models.cuts import Backbone
from models.errors import CheckpointError, ModelParamError
from models.published.card import WeightsCard
from models.training.checkpoint import load_pretrained, weights_card
from pipeline.params.backbones import VideoBackbone

timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

SIZE = 32
PIXELS = {"frames": 4, "size": SIZE, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}
PREPROCESSOR = {
    "size": {"height": SIZE, "width": SIZE},
    "image_mean": PIXELS["mean"],
    "image_std": PIXELS["std"],
}

TINY_VIT = {"img_size": SIZE, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": SIZE,
    "patch_size": 16,
}
VIDEO = {**VIT, "num_frames": 4}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)


def drawn(model: nn.Module) -> nn.Module:
    """Random values in all tensors, for fresh networks begin with zeros in places."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.normal_(std=0.1)
    return model.eval()


def saved_timm(folder: Path) -> tuple[Path, nn.Module]:
    from safetensors.torch import save_file

    network = drawn(timm.create_model("vit_tiny_patch16_224", num_classes=5, **TINY_VIT))
    folder.mkdir()
    save_file(network.state_dict(), folder / "model.safetensors")
    facts = {
        "mean": PIXELS["mean"],
        "std": PIXELS["std"],
        "input_size": [3, SIZE, SIZE],
        "classifier": "head",
    }
    config = {"architecture": "vit_tiny_patch16_224", "num_classes": 5, "model_args": TINY_VIT}
    (folder / "config.json").write_text(json.dumps({**config, "pretrained_cfg": facts}))
    return folder / "model.safetensors", network


def saved_transformers(folder: Path, model_type: str) -> tuple[Path, nn.Module]:
    asked = {"vit": (VIT, "ViTForImageClassification"), "videomae": (VIDEO, "VideoMAEForVideoClassification")}
    config, architecture = asked[model_type]
    made = transformers.AutoConfig.for_model(model_type, **config, num_labels=5)
    network = drawn(getattr(transformers, architecture)(made))
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return folder / "model.safetensors", network


def built(kind: str, **options: Any) -> Backbone:
    torch.manual_seed(1)
    return build_backbone({"kind": kind, **options}, shape=(3, 4, SIZE, SIZE)).eval()


def clips() -> Tensor:
    torch.manual_seed(2)
    return torch.randn(2, 3, 4, SIZE, SIZE)


def test_timms_weights_give_timms_own_vectors_and_scores(tmp_path: Path) -> None:
    path, theirs = saved_timm(tmp_path / "vit")
    options = {"name": "vit_tiny_patch16_224", "arguments": TINY_VIT}
    ours = built("timm", **options)
    card = WeightsCard("timm", options, PIXELS)
    assert weights_card(path, "timm", "timm") == WeightsCard(
        "timm", options, {name: value for name, value in PIXELS.items() if name != "frames"}
    )
    found = load_pretrained(ours, path, expected=card, kind="timm")
    assert found.sha256 == sha256(path.read_bytes()).hexdigest()
    with torch.no_grad():
        frames = clips().transpose(1, 2).flatten(0, 1)
        expected = theirs(frames).view(2, 4, 5).mean(1)
        given = torch.nn.functional.linear(
            ours(clips()), found.classifier["weight"], found.classifier["bias"]
        )
    assert torch.allclose(given, expected, atol=1e-5)


@pytest.mark.parametrize("model_type", ["vit", "videomae"])
def test_transformers_weights_give_its_own_tokens(model_type: str, tmp_path: Path) -> None:
    path, theirs = saved_transformers(tmp_path / "net", model_type)
    config = json.loads((tmp_path / "net" / "config.json").read_text())
    card = weights_card(path, "transformers", "transformers")
    assert (card.options["name"], card.normalisation["size"]) == (model_type, SIZE)
    assert card.options["config"].items() <= config.items()
    ours = built("transformers", **card.options)
    found = load_pretrained(ours, path, expected=card, kind="transformers")
    pixels = clips().transpose(1, 2)
    with torch.no_grad():
        trunk = theirs.base_model
        tokens = trunk(
            pixel_values=pixels if model_type == "videomae" else pixels.flatten(0, 1)
        ).last_hidden_state
        expected = tokens.view(2, -1, 16).mean(1)
        assert torch.allclose(ours(clips()), expected, atol=1e-5)
    assert found.classifier == {}


def test_every_parameter_learns() -> None:
    for ours in (
        built("timm", name="vit_tiny_patch16_224", arguments=TINY_VIT),
        built("timm", name="resnet10t"),
        built("transformers", name="vit", config=VIT),
        built("transformers", name="videomae", config=VIDEO),
    ):
        drawn(ours)(clips()).square().sum().backward()
        assert [name for name, value in ours.named_parameters() if value.grad is None] == []


def test_shapes_are_found_without_values() -> None:
    for options, frames in (
        ({"kind": "timm", "name": "resnet10t"}, 4),
        ({"kind": "timm", "name": "vit_tiny_patch16_224", "arguments": TINY_VIT}, 4),
        ({"kind": "transformers", "name": "videomae", "config": VIDEO}, 1),
    ):
        found = cuts_of(options, ("features", "frames"), shape=(3, 4, SIZE, SIZE))
        assert [shape[:-1] for _, shape in found] == [(), (frames,)]


@pytest.mark.parametrize("pixels", [{"mean": [0.0, 0.0, 0.0]}, {"size": 64}])
def test_other_pixels_than_the_folder_says_are_refused(pixels: dict[str, Any], tmp_path: Path) -> None:
    path, _ = saved_timm(tmp_path / "vit")
    options = {"name": "vit_tiny_patch16_224", "arguments": TINY_VIT}
    card = WeightsCard("timm", options, {**PIXELS, **pixels})
    with pytest.raises(CheckpointError, match=f"normalisation.{next(iter(pixels))} is .*, expected"):
        load_pretrained(built("timm", **options), path, expected=card, kind="timm")


def test_another_configuration_is_refused_with_both(tmp_path: Path) -> None:
    path, _ = saved_transformers(tmp_path / "net", "vit")
    options = {"name": "vit", "config": {**VIT, "num_attention_heads": 4}}
    card = WeightsCard("transformers", options, PIXELS)
    with pytest.raises(
        CheckpointError, match=r"options.config is .*'num_attention_heads': 2.*expected .*: 4"
    ):
        load_pretrained(built("transformers", **options), path, expected=card, kind="transformers")


def test_a_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    path, _ = saved_timm(tmp_path / "vit")
    (tmp_path / "vit" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config.json cannot be read.*beside the configuration"):
        weights_card(path, "timm", "timm")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: built("timm", name="vit_tiny_patch16_244"), "did you mean 'vit_tiny_patch16_224'"),
        (lambda: built("timm", name="vit_tiny_patch16_224.augreg_in21k"), "without the tag"),
        (lambda: built("timm", name="resnet10t", arguments={"colour": 1}), "refuses {'colour': 1}"),
        (lambda: built("transformers", name="vitt"), "cannot build 'vitt'"),
        (lambda: built("transformers", name="vit", config=VIT, pool="last"), "pool must be"),
    ],
)
def test_what_there_is_not_is_refused(make: Callable[[], Backbone], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        make()


def test_a_project_learns_from_a_folders_weights_on(recordings: Path, tmp_path: Path) -> None:
    path, _ = saved_timm(tmp_path / "vit")
    start = {"path": str(path), "kind": "timm", "sha256": sha256(path.read_bytes()).hexdigest()}
    backbone = {
        "modality": "video",
        "recipe": "r4",
        "model": {"kind": "timm:vit_tiny_patch16_224", "arguments": TINY_VIT},
        "pixels": {"mean": PIXELS["mean"], "std": PIXELS["std"]},
        "plan": {**PLAN, "epochs": 1},
        "pretrained": start,
        "cuts": ["features", "frames"],
    }
    project = Project.made(tmp_path / "project", recordings, **{"pretrain.backbones.video": backbone})
    project.run_all("index", "sample", "crop", "heatmaps", "pretrain", "features")
    found = open_store(project.paths.store("features"))
    assert found.read("video_0").shape[1:] == (1, 24)
    assert found.read("video_0_frames").shape[1:] == (1, 4, 24)


def test_a_preset_names_library_and_network_in_one_word() -> None:
    params = VideoBackbone.model_validate(
        {
            "modality": "video",
            "recipe": "r4",
            "model": {"kind": "timm:resnet10t"},
            "plan": {"epochs": 1, "batch": 1, "lr": 0.1},
        }
    )
    assert params.model == {"kind": "timm", "name": "resnet10t"}
    assert backbone_class(params.model["kind"]).__name__ == "TimmImages"
