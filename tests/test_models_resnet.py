"""Image networks on each frame: torchvision's own, its ImageNet weights, frozen or not (SPEC 1.1, 1.5, 7)."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from models.backbones import build_backbone
from models.cssi.resnet import FrameResNet, clips_at_once
from models.cuts import cut_shapes
from models.errors import CheckpointError, ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.inference import embed_views
from models.preprocessing import VideoInput
from models.published.card import WeightsCard, video_card
from models.published.kinds import PUBLISHED, WeightsKind
from models.training.checkpoint import encode, load_pretrained
from models.training.published_weights import IMAGENET_INPUT, Network
from models.training.seeding import seeded

TRUNKS: dict[Network, int] = {
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
    "mobilenet_v2": 2_223_872,
}


KIND: WeightsKind = "torchvision_mobilenet_v2"


def card(
    network: Network = "mobilenet_v2", video: VideoInput = IMAGENET_INPUT, **options: Any
) -> WeightsCard:
    return WeightsCard("frame_resnet", {"network": network, **options}, video_card({}, video).normalisation)


def small_clips(num_clips: int = 2, num_frames: int = 3, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(num_clips, channels, num_frames, 32, 32, generator=generator)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of torchvision's form: mobilenet_v2's tensors and its classifier, random."""
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.pth"
    with seeded(0, "imagenet"):
        torch.save(torchvision.models.mobilenet_v2(weights=None).state_dict(), path)
    return path


def small(in_channels: int = 3, **options: Any) -> FrameResNet:
    """The smallest of the networks."""
    with seeded(1, "model"):
        return FrameResNet(in_channels, network="mobilenet_v2", **options)


@pytest.mark.parametrize("network", sorted(TRUNKS))
def test_trunks_have_their_published_sizes(network: Network) -> None:
    with torch.device("meta"):
        assert num_parameters(FrameResNet(network=network)) == TRUNKS[network]


def test_the_corrected_fc_adds_what_the_spec_says() -> None:
    with torch.device("meta"):
        model = FrameResNet(corrected_fc=True)
        assert num_parameters(model) == 11_439_168
        assert FrameResNet(network="mobilenet_v2", corrected_fc=True).num_features == 512


def test_one_frame_costs_what_the_spec_says() -> None:
    with torch.device("meta"):
        model = FrameResNet()
    macs = [count(model, (1, 3, frames, 224, 224)).macs for frames in (1, 4)]
    assert macs == [1_813_561_344, 4 * 1_813_561_344]


@pytest.mark.parametrize("network", ["resnet18", "mobilenet_v2"])
def test_each_frame_goes_through_torchvisions_network(network: Network) -> None:
    with seeded(1, "model"):
        model = FrameResNet(network=network).eval()
    reference = getattr(torchvision.models, network)(weights=None)
    setattr(reference, "fc" if network == "resnet18" else "classifier", nn.Identity())
    reference.load_state_dict(model.trunk.state_dict())
    clips = small_clips()
    with torch.no_grad():
        expected = torch.stack([reference.eval()(clips[:, :, t]) for t in range(3)], dim=1)
        found = model.at(clips, ("frames", "segments", "features"))
    torch.testing.assert_close(found["frames"], expected, rtol=1e-4, atol=1e-5)
    assert found["segments"] is found["frames"]
    torch.testing.assert_close(found["features"], expected.mean(dim=1), rtol=1e-4, atol=1e-5)


def test_a_clips_features_do_not_depend_on_its_neighbours() -> None:
    model = small()
    clips = small_clips(num_clips=4, num_frames=20)
    four = embed_views(model, ("frames",), [clips], batch_size=4)["frames"][:, 0]
    two = embed_views(model, ("frames",), [clips[[2, 0]]], batch_size=4)["frames"][:, 0]
    assert four.dtype == torch.float16
    assert torch.equal(two, four[[2, 0]])


@pytest.mark.parametrize(
    ("num_clips", "num_frames", "expected"), [(12, 16, 4), (7, 16, 1), (32, 128, 1), (3, 1, 3), (1, 70, 1)]
)
def test_clips_go_through_in_equal_parts(num_clips: int, num_frames: int, expected: int) -> None:
    assert clips_at_once(num_clips, num_frames) == expected


def test_cuts_are_of_the_specs_shapes_and_sizes() -> None:
    with torch.device("meta"):
        model = FrameResNet()
    names = ("frames", "segments", "features")
    every_frame = cut_shapes(model, (3, 70, 224, 224), names)
    assert every_frame == {"frames": (70, 512), "segments": (70, 512), "features": (512,)}
    assert model.cut("frames").num_bytes(every_frame["frames"]) == 71_680
    segments = cut_shapes(model, IMAGENET_INPUT.shape, ("segments",))["segments"]
    assert model.cut("segments").num_bytes(segments) == 131_072
    assert model.cuts[0].name == "features"
    assert [cut.dims for cut in model.cuts[1:]] == [("frame", "channel")] * 2


def test_a_frozen_trunk_keeps_its_statistics_and_weights() -> None:
    model = small(corrected_fc=True).train()
    before = {name: value.clone() for name, value in model.trunk.state_dict().items()}
    model(small_clips()).square().sum().backward()
    assert not any(module.training for module in model.trunk.modules())
    assert [
        name for name, value in before.items() if not torch.equal(value, model.trunk.state_dict()[name])
    ] == []
    learning = [name for name, p in model.named_parameters() if p.grad is not None]
    assert learning == ["corrected_fc.weight", "corrected_fc.bias"]


@pytest.mark.parametrize(("frozen", "counted"), [("statistics", 0), ("none", 1)])
@pytest.mark.parametrize("network", ["resnet18", "mobilenet_v2"])
def test_gradients_reach_every_parameter_that_is_not_frozen(
    network: Network, frozen: Any, counted: int
) -> None:
    with seeded(2, "model"):
        model = FrameResNet(network=network, corrected_fc=True, frozen=frozen).train()
    model(small_clips()).square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []
    batches = [value for name, value in model.named_buffers() if name.endswith("num_batches_tracked")]
    assert {int(value) for value in batches} == {counted}


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.bfloat16, 0.02), (torch.float16, 0.005)])
def test_low_precision_stays_near(kind: torch.dtype, tolerance: float) -> None:
    """Of the largest feature: 2 % in bfloat16, 0.5 % in half precision."""
    with seeded(3, "model"):
        model = FrameResNet().eval()
    clips = small_clips()
    with torch.no_grad():
        exact = model(clips)
        rough = model.to(kind)(clips.to(kind)).float()
    assert (rough - exact).abs().max() <= tolerance * exact.abs().max()


def test_imagenet_weights_fill_the_trunk_and_leave_the_fc(published: Path) -> None:
    model = small(corrected_fc=True)
    own = model.corrected_fc.weight.clone()
    video = VideoInput(frames=16, size=112, mean=IMAGENET_INPUT.mean, std=IMAGENET_INPUT.std)
    load_pretrained(model, published, expected=card(video=video, corrected_fc=True), kind=KIND)
    theirs, ours = torch.load(published, weights_only=True), model.trunk.state_dict()
    assert {
        name: value for name, value in theirs.items() if not name.startswith("classifier.")
    }.keys() == ours.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert torch.equal(model.corrected_fc.weight, own)


def test_files_that_count_no_batches_are_taken(published: Path, tmp_path: Path) -> None:
    state = torch.load(published, weights_only=True)
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    model = small()
    load_pretrained(model, tmp_path / "old.pth", expected=card(), kind=KIND)
    assert torch.equal(model.state_dict()["trunk.features.0.0.weight"], state["features.0.0.weight"])


def test_a_summed_stem_equals_one_channel_fed_three_times(published: Path) -> None:
    colour, depth = small(3).eval(), small(1).eval()
    load_pretrained(colour, published, expected=card(), kind=KIND)
    grey = card(video=VideoInput(mean=(0.4,), std=(0.2,)))
    load_pretrained(depth, published, expected=grey, kind=KIND, stem_channels="summed")
    clips = small_clips(channels=1)
    with torch.no_grad():
        torch.testing.assert_close(
            depth(clips), colour(clips.expand(-1, 3, -1, -1, -1)), rtol=1e-4, atol=1e-5
        )


def test_imagenet_weights_are_refused_where_they_mean_something_else(published: Path) -> None:
    model = small()
    with pytest.raises(
        CheckpointError, match=r"normalisation.mean is \[0.485, 0.456, 0.406\], expected \[0.0"
    ):
        load_pretrained(model, published, expected=card(video=VideoInput()), kind=KIND)
    with pytest.raises(CheckpointError, match=r"options.network is 'mobilenet_v2', expected 'resnet18'"):
        load_pretrained(model, published, expected=card("resnet18"), kind=KIND)
    with pytest.raises(CheckpointError, match="model is 'frame_resnet', expected 'r3d18'"):
        load_pretrained(model, published, expected=video_card({}, IMAGENET_INPUT), kind=KIND)
    with pytest.raises(CheckpointError, match="expected 00ff"):
        load_pretrained(model, published, expected=card(), kind=KIND, sha256="00ff")


def test_a_file_of_another_network_is_refused_by_its_tensors(published: Path) -> None:
    with torch.device("meta"):
        model = FrameResNet()
    with pytest.raises(CheckpointError, match=r"trunk.bn1.bias is missing"):
        load_pretrained(model, published, expected=card("resnet18"), kind="torchvision_resnet18")


def test_our_own_files_keep_the_corrected_fc(tmp_path: Path) -> None:
    model, fresh = small(corrected_fc=True), small(corrected_fc=True)
    with torch.no_grad():
        model.corrected_fc.weight.add_(1)
    (tmp_path / "own.pt").write_bytes(encode(model.state_dict(), card(corrected_fc=True)))
    load_pretrained(fresh, tmp_path / "own.pt", expected=card(corrected_fc=True))
    assert torch.equal(fresh.corrected_fc.weight, model.corrected_fc.weight)


def test_params_name_it_as_its_cards_do() -> None:
    with torch.device("meta"):
        model = build_backbone({"kind": card().model, "network": "mobilenet_v2"}, shape=(1, 8, 32, 32))
    assert isinstance(model, FrameResNet)
    assert (model.in_channels, model.network, model.num_features) == (1, "mobilenet_v2", 1280)


def test_every_published_kind_names_a_stem_that_is_there() -> None:
    for kind, weights in PUBLISHED.items():
        if weights.card.model == "frame_resnet":
            with torch.device("meta"):
                state = FrameResNet(network=weights.card.options["network"]).state_dict()
            assert state[weights.stem].shape[1] == 3, kind


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((2, 1, 4, 32, 32), torch.float32, r"\(B, 3, T ≥ 1, H ≥ 32, W ≥ 32\).*got \(2, 1, 4, 32, 32\)"),
        ((2, 3, 4, 31, 32), torch.float32, r"got \(2, 3, 4, 31, 32\)"),
        ((2, 3, 0, 32, 32), torch.float32, r"got \(2, 3, 0, 32, 32\)"),
        ((0, 3, 4, 32, 32), torch.float32, "B of 1 or more"),
        ((2, 3, 4, 32, 32), torch.uint8, "of floats.*got .* of uint8"),
    ],
)
def test_wrong_clips_are_refused(shape: tuple[int, ...], kind: torch.dtype, message: str) -> None:
    with torch.device("meta"), pytest.raises(ShapeError, match=message):
        FrameResNet()(torch.empty(shape, dtype=kind))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "resnet20"}, "network must be one of.*got 'resnet20'"),
        ({"frozen": True}, "frozen must be one of.*got True"),
        ({"in_channels": 0}, "in_channels must be 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        FrameResNet(**options)
