"""Weights as bytes, with a card that describes them: model, options, stem and normalisation.

Weights of the right shapes mean nothing if the pixels were scaled otherwise: so the card travels with them,
and a mismatch is refused.
"""

import json
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from models.errors import CheckpointError, ModelParamError
from models.files import load_state, read_torch, torch_bytes, weights_content
from models.preprocessing import VideoInput
from models.shown import ShownByShape
from models.training.published_weights import (
    IMAGENET_INPUT,
    KINETICS_INPUT,
    STEMS,
    TORCHVISION_OPTIONS,
    Network,
)

FORMAT = 1

WeightsKind = Literal[
    "harcache",
    "torchvision_r3d_18",
    "torchvision_resnet18",
    "torchvision_resnet34",
    "torchvision_resnet50",
    "torchvision_mobilenet_v2",
]
"""Our own files, which carry their card; or a state dict of torchvision's, whose card is in PUBLISHED."""

StemChannels = Literal["same", "summed"]
"""`summed`: a 3-channel stem is summed to one channel, which equals feeding it the one channel three times."""


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """The network that weights belong to and the input they need; JSON values only."""

    model: str
    """Name of the backbone, for instance r3d18 or agcn."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options the model was built with: width, stem, layout and so on."""
    normalisation: dict[str, Any] = field(default_factory=dict)
    """Scaling of its input: mean, std, size, frames, or the rule's name."""

    def __post_init__(self) -> None:
        for name in ("options", "normalisation"):
            try:
                object.__setattr__(self, name, _plain(getattr(self, name)))
            except (TypeError, ValueError) as error:
                raise CheckpointError(f"{name} of a card must be plain JSON: {error}") from error


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """As it will be when read back: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    return plain


@dataclass(frozen=True, slots=True, repr=False)
class Checkpoint(ShownByShape):
    """Contents of a file of weights."""

    card: WeightsCard
    state: dict[str, Tensor]
    sha256: str


def video_card(options: dict[str, Any], video: VideoInput) -> WeightsCard:
    """Return the card of an R3D18 with these options and this input."""
    normalisation = {
        "frames": video.frames,
        "size": video.size,
        "mean": list(video.mean),
        "std": list(video.std),
    }
    return WeightsCard("r3d18", options, normalisation)


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Weights that torchvision publishes: the card they would carry, and how their names map to ours."""

    card: WeightsCard
    stem: str
    """Name of the first convolution's weight in our network."""
    prefix: str = ""
    """Prefix of their tensors' names in our network; tensors outside it keep their own values."""
    free: frozenset[str] = frozenset()
    """Entries of the card that such weights do not fix."""


def _image_weights(network: Network) -> PublishedWeights:
    """Of a FrameResNet's trunk: how many frames, how large, and what lies on top are free."""
    scaled = video_card({}, IMAGENET_INPUT).normalisation
    return PublishedWeights(
        WeightsCard("frame_resnet", {"network": network}, scaled),
        stem=f"trunk.{STEMS[network]}.weight",
        prefix="trunk.",
        free=frozenset(
            {"normalisation.frames", "normalisation.size", "options.corrected_fc", "options.frozen"}
        ),
    )


PUBLISHED: dict[WeightsKind, PublishedWeights] = {
    "torchvision_r3d_18": PublishedWeights(
        video_card(TORCHVISION_OPTIONS, KINETICS_INPUT), stem="stem.0.weight"
    ),
    "torchvision_resnet18": _image_weights("resnet18"),
    "torchvision_resnet34": _image_weights("resnet34"),
    "torchvision_resnet50": _image_weights("resnet50"),
    "torchvision_mobilenet_v2": _image_weights("mobilenet_v2"),
}
"""Weights that others publish, by kind; our own files are not among them."""


def encode(state: dict[str, Tensor], card: WeightsCard) -> bytes:
    """Serialise weights and card; equal input gives equal bytes with one version of torch."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(state.items())}
    card_text = json.dumps(
        {"model": card.model, "options": card.options, "normalisation": card.normalisation}, sort_keys=True
    )
    return torch_bytes({"format": FORMAT, "card": card_text, "state": plain})


def decode(source: Path | bytes, *, sha256: str | None = None) -> Checkpoint:
    """Read one of our files; with `sha256`, refuse a file with another digest before it is opened.

    Raises CheckpointError where the file is missing, damaged, another, or not ours.
    """
    content, digest = weights_content(source, sha256)
    document = read_torch(content, _name(source))
    if document.get("format") != FORMAT or not isinstance(document.get("card"), str):
        raise CheckpointError(
            f"{_name(source)} is not a file of harcache weights (format {FORMAT}); give its kind, "
            "or weights written by the pretrain stage"
        )
    return Checkpoint(WeightsCard(**json.loads(document["card"])), document["state"], digest)


def weights_card(path: Path, backbone: str, kind: WeightsKind = "harcache") -> WeightsCard:
    """Return the card of a weights file: its own, or the known one of torchvision's kind. Raises ModelParamError."""
    card = decode(path).card if kind == "harcache" else PUBLISHED[kind].card
    if card.model != backbone:
        raise ModelParamError(f"{path} holds weights of {card.model!r}, asked for is {backbone!r}")
    return card


def load_pretrained(
    backbone: nn.Module,
    path: Path,
    *,
    expected: WeightsCard,
    kind: WeightsKind = "harcache",
    sha256: str | None = None,
    stem_channels: StemChannels = "same",
) -> str:
    """Fill a backbone from a file of weights; return the file's sha256.

    Raises CheckpointError for another model, stem, normalisation, shape or digest than `expected`. A
    classifier
    on top of the backbone in the file is ignored. An option that a card does not name has the model's
    default.
    """
    published = PUBLISHED.get(kind)
    checkpoint = decode(path, sha256=sha256) if published is None else _torchvision(path, sha256, published)
    free = set() if published is None else set(published.free)
    if stem_channels == "summed":
        free |= {"normalisation.mean", "normalisation.std"}
    _compare_cards(path, checkpoint.card, expected, _default_options(backbone), free)
    state = _backbone_state(checkpoint.state)
    if published is not None:
        state = _renamed(state, published, backbone)
    if stem_channels == "summed":
        stem = "stem.0.weight" if published is None else published.stem
        state[stem] = state[stem].sum(dim=1, keepdim=True)
    load_state(backbone, state, str(path))
    return checkpoint.sha256


def _name(source: Path | bytes) -> str:
    return "weights" if isinstance(source, bytes) else str(source)


def _torchvision(path: Path, sha256: str | None, published: PublishedWeights) -> Checkpoint:
    content, digest = weights_content(path, sha256)
    document = read_torch(content, str(path))
    state = document.get("state_dict", document)  # where a trainer's log and optimiser lie beside it
    return Checkpoint(published.card, state, digest)


def _renamed(state: dict[str, Tensor], published: PublishedWeights, backbone: nn.Module) -> dict[str, Tensor]:
    """torchvision's tensors by our names, and the backbone's own of what such files lack.

    They lack what lies outside the prefix, and files from before 2018 count no batches.
    """
    kept = {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if not name.startswith(published.prefix) or name.endswith(".num_batches_tracked")
    }
    return kept | {published.prefix + name: tensor for name, tensor in state.items()}


def _backbone_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The backbone's tensors of a classifier's state dict, ours (`backbone.…`) or torchvision's (`fc.…`)."""
    prefix = "backbone."
    if any(name.startswith(prefix) for name in state):
        return {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in state.items() if not name.startswith(("fc.", "classifier."))}


def _default_options(backbone: nn.Module) -> dict[str, Any]:
    """The constructor's plain defaults. What the data decide (channels, people) shows in the tensors' shapes."""
    parameters = signature(type(backbone)).parameters.values()
    plain = [p for p in parameters if isinstance(p.default, bool | int | float | str) or _sizes(p.default)]
    return {p.name: p.default for p in plain if p.name not in ("in_channels", "num_people")}


def _sizes(value: object) -> bool:
    """Whether it is a tuple of integers, as a stride is."""
    return isinstance(value, tuple) and all(isinstance(item, int) for item in value)


def _compare_cards(
    path: Path, found: WeightsCard, expected: WeightsCard, default: dict[str, Any], free: set[str]
) -> None:
    pairs: list[tuple[str, Any, Any]] = [("model", expected.model, found.model)]
    for part in ("options", "normalisation"):
        want, have = getattr(expected, part), getattr(found, part)
        if part == "options":
            want, have = (_plain({**default, **options}) for options in (want, have))
        pairs += [(f"{part}.{name}", want.get(name), have.get(name)) for name in sorted({*want, *have})]
    faults = [
        f"{n} is {have!r}, expected {want!r}" for n, want, have in pairs if want != have and n not in free
    ]
    if faults:
        raise CheckpointError(
            f"{path} was made for another model or input: {'; '.join(faults)}; "
            "set the params to what the weights were made with, or use other weights"
        )
