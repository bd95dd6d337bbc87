"""Weights with their card: same bytes for the same weights, and what does not fit is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from models.amfi.r3d import R3D18
from models.errors import CheckpointError
from models.files import Inert, read_torch
from models.preprocessing import VideoInput
from models.published.card import WeightsCard, video_card
from models.training.checkpoint import decode, encode, load_pretrained
from models.training.classifier import Classifier
from models.training.published_weights import KINETICS_INPUT, TORCHVISION_OPTIONS
from models.training.seeding import seeded

OPTIONS = {"width": 4, "stem": "7x7x7"}
DEPTH = VideoInput(frames=8, size=32, mean=(0.5,), std=(0.25,))
CARD = video_card(OPTIONS, DEPTH)


def small_classifier(seed: int = 0) -> Classifier:
    with seeded(seed, "model"):
        return Classifier(R3D18(1, width=4), 3)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "video-0.pt"
    path.write_bytes(encode(small_classifier().state_dict(), CARD))
    return path


def test_what_is_written_is_read(weights: Path) -> None:
    found = decode(weights)
    assert found.card == CARD
    assert found.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    own = small_classifier().state_dict()
    assert found.state.keys() == own.keys()
    assert all(torch.equal(found.state[name], own[name]) for name in own)


def test_the_same_weights_give_the_same_bytes(weights: Path) -> None:
    other = small_classifier(seed=1)
    other.load_state_dict(decode(weights).state)
    reordered = dict(reversed(other.state_dict().items()))
    assert encode(reordered, CARD) == weights.read_bytes()


def test_a_classifiers_backbone_is_loaded(weights: Path) -> None:
    backbone = R3D18(1, width=4)
    digest = load_pretrained(backbone, weights, expected=CARD).sha256
    assert digest == decode(weights).sha256
    assert torch.equal(
        backbone.state_dict()["stem.0.weight"], decode(weights).state["backbone.stem.0.weight"]
    )


def test_another_stem_is_refused_by_name(weights: Path) -> None:
    expected = video_card({**OPTIONS, "stem": "3x7x7"}, DEPTH)
    with pytest.raises(CheckpointError, match=r"options.stem is '7x7x7', expected '3x7x7'"):
        load_pretrained(R3D18(1, width=4, stem="3x7x7"), weights, expected=expected)


def test_an_option_left_out_has_its_default(weights: Path) -> None:
    load_pretrained(R3D18(1, width=4), weights, expected=video_card({"width": 4, "maxpool": True}, DEPTH))
    with pytest.raises(CheckpointError, match=r"options.stem_stride is \[2, 2, 2\], expected \[1, 2, 2\]"):
        load_pretrained(
            R3D18(1, width=4, stem_stride=(1, 2, 2)),
            weights,
            expected=video_card({"width": 4, "stem_stride": (1, 2, 2)}, DEPTH),
        )


def test_another_normalisation_is_refused_by_name(weights: Path) -> None:
    expected = video_card(OPTIONS, VideoInput(frames=8, size=32, mean=(0.0,), std=(1.0,)))
    with pytest.raises(CheckpointError, match=r"normalisation.mean is \[0.5\], expected \[0.0\]"):
        load_pretrained(R3D18(1, width=4), weights, expected=expected)


def test_other_shapes_are_refused_by_name(weights: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"layer1.0.conv1.0.weight must be \(8, 8, 3, 3, 3\), got \(4, 4"
    ):
        load_pretrained(R3D18(1, width=8), weights, expected=CARD)


def test_another_digest_is_refused(weights: Path) -> None:
    with pytest.raises(CheckpointError, match="expected 00ff"):
        decode(weights, sha256="00ff")


def test_missing_foreign_and_cut_files_are_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere.pt cannot be read: No such file"):
        decode(tmp_path / "nowhere.pt")
    torch.save(small_classifier().state_dict(), tmp_path / "foreign.pt")
    with pytest.raises(CheckpointError, match="not a file of harcache weights"):
        decode(tmp_path / "foreign.pt")
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match=r"not a whole file"):
        decode(tmp_path / "cut.pt")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"state": VideoInput()}, tmp_path / "pickle.pt")
    with pytest.raises(CheckpointError, match=r"not a file of harcache weights"):
        decode(tmp_path / "pickle.pt")


@pytest.fixture(scope="module")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of torchvision's form: R3D-18's tensors and its fc."""
    path = tmp_path_factory.mktemp("weights") / "r3d_18.pth"
    with seeded(0, "kinetics"):
        state = R3D18(3, **TORCHVISION_OPTIONS).state_dict()  # type: ignore[arg-type]
    torch.save({**state, "fc.weight": torch.zeros(400, 512), "fc.bias": torch.zeros(400)}, path)
    return path


def test_torchvisions_weights_fit_its_stem_and_normalisation_only(kinetics: Path) -> None:
    expected = video_card(TORCHVISION_OPTIONS, KINETICS_INPUT)
    backbone = R3D18(3, **TORCHVISION_OPTIONS)  # type: ignore[arg-type]
    load_pretrained(backbone, kinetics, expected=expected, kind="torchvision_r3d_18")
    with pytest.raises(CheckpointError, match=r"normalisation.mean"):
        load_pretrained(
            backbone,
            kinetics,
            expected=video_card(TORCHVISION_OPTIONS, VideoInput()),
            kind="torchvision_r3d_18",
        )


def test_a_summed_stem_equals_one_channel_fed_three_times(kinetics: Path) -> None:
    colour, depth = (R3D18(c, **TORCHVISION_OPTIONS).eval() for c in (3, 1))  # type: ignore[arg-type]
    expected = video_card(TORCHVISION_OPTIONS, KINETICS_INPUT)
    load_pretrained(colour, kinetics, expected=expected, kind="torchvision_r3d_18")
    one = video_card(TORCHVISION_OPTIONS, VideoInput(mean=(0.4,), std=(0.2,)))
    load_pretrained(depth, kinetics, expected=one, kind="torchvision_r3d_18", stem_channels="summed")
    clips = torch.rand(1, 1, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            depth(clips), colour(clips.expand(-1, 3, -1, -1, -1)), rtol=1e-4, atol=1e-5
        )


def test_cards_hold_plain_json_only() -> None:
    with pytest.raises(CheckpointError, match=r"options of a card must be plain JSON"):
        WeightsCard("r3d18", {"width": torch.zeros(1)})


class HistoryBuffer:
    """As mmengine keeps beside its weights; must never be run when they are read."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __setstate__(self, state: dict[str, object]) -> None:
        raise AssertionError("code of the checkpoint was run")


def test_a_trainers_checkpoint_gives_its_state_dict_and_runs_nothing(tmp_path: Path) -> None:
    """An optimiser, a log of foreign objects and bound methods beside the weights, as mmengine 0.10 saves them."""
    path = tmp_path / "epoch_12.pth"
    history = HistoryBuffer([1.0])
    log = {"loss": history, "statistics": {"mean": history.__init__}, "step": np.float64(3)}
    torch.save({"meta": {"epoch": 12}, "state_dict": {"w": torch.arange(3.0)}, "message_hub": log}, path)
    document = read_torch(path)
    assert torch.equal(document["state_dict"]["w"], torch.arange(3.0))
    assert isinstance(document["message_hub"]["loss"], Inert)


def test_what_needs_code_is_refused_in_our_words(tmp_path: Path) -> None:
    """A file of torch before 1.6, whose objects cannot be told before they are read."""
    path = tmp_path / "old.pth"
    torch.save({"w": HistoryBuffer([1.0])}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(
        CheckpointError, match=r"old.pth holds more than tensors .* save its state dict alone"
    ) as caught:
        read_torch(path)
    assert "weights_only" not in str(caught.value)
