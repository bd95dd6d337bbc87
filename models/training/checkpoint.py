"""Weights as bytes, with the card that describes them; published weights, whose card is known, are read too."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from models.errors import CheckpointError, ModelParamError
from models.files import load_state, read_torch, torch_bytes, weights_content
from models.published.card import WeightsCard, card_mismatches
from models.published.hub import hub_weights, read_safetensors
from models.published.kinds import PUBLISHED, WeightsKind
from models.published.renames import PublishedWeights, renamed, state_dict_of
from models.shown import ShownByShape

FORMAT = 1

StemChannels = Literal["same", "summed"]
"""`summed`: a 3-channel stem is summed to one channel, which equals feeding it the one channel three times."""


@dataclass(frozen=True, slots=True, repr=False)
class Checkpoint(ShownByShape):
    """Contents of a file of weights."""

    card: WeightsCard
    state: dict[str, Tensor]
    sha256: str


@dataclass(frozen=True, slots=True, repr=False)
class Loaded(ShownByShape):
    """Contents of a file of weights beside a backbone's tensors."""

    sha256: str
    """Digest of the file."""
    classifier: dict[str, Tensor]
    """`weight` (classes, features) and `bias` (classes,) of a published classifier; empty where none is kept."""


_OWN = PublishedWeights(WeightsCard(""), (), stem="stem.0.weight")
"""Our own files, whose card lies in them."""

_Read = tuple[WeightsCard, dict[str, Tensor], Loaded]


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
    card = decode(path).card if kind == "harcache" else _published_of(kind, path).card
    if card.model != backbone:
        raise ModelParamError(f"{path} holds weights of {card.model!r}, asked for is {backbone!r}")
    return card


def kind_mismatches(
    kind: WeightsKind, expected: WeightsCard, backbone: nn.Module, *, unknown: Collection[str] = ()
) -> list[str]:
    """Describe where published weights of a kind fit neither the network nor its input, before any file is read.

    `unknown` names entries of the normalisation that the caller cannot tell yet. Empty of our own files, whose card
    lies in them.
    """
    published = PUBLISHED.get(kind)
    if published is None:
        return []
    if published.card.model != expected.model:
        return [f"model is {published.card.model!r}, expected {expected.model!r}"]
    free = {*published.free, *(f"normalisation.{name}" for name in unknown)}
    return card_mismatches(published.card, expected, backbone, free=free, also=published.also)


def load_pretrained(
    backbone: nn.Module,
    path: Path,
    *,
    expected: WeightsCard,
    kind: WeightsKind = "harcache",
    sha256: str | None = None,
    stem_channels: StemChannels = "same",
) -> Loaded:
    """Fill a backbone from a file of weights; return the file's digest and its published classifier.

    Raises CheckpointError for another model, stem, normalisation, shape or digest than `expected`. Of our own
    files a classifier on top of the backbone is ignored. An option that a card does not name has the model's
    default.
    """
    published = _published_of(kind, path)
    read = _own if published is _OWN else _published
    card, state, loaded = read(path, sha256, published, backbone)
    free = published.free
    if stem_channels == "summed":
        free = free | {"normalisation.mean", "normalisation.std"}
    _refuse(path, card_mismatches(card, expected, backbone, free=free, also=published.also))
    if stem_channels == "summed" and published.stem is not None:
        state[published.stem] = state[published.stem].sum(dim=1, keepdim=True)
    load_state(backbone, state, str(path))
    return loaded


def _published_of(kind: WeightsKind, path: Path) -> PublishedWeights:
    """What is known of a kind of weights; of timm's and transformers', what the file's folder says."""
    if kind == "timm" or kind == "transformers":
        return hub_weights(kind, path)
    return PUBLISHED.get(kind, _OWN)


def _name(source: Path | bytes) -> str:
    return "weights" if isinstance(source, bytes) else str(source)


def _own(path: Path, sha256: str | None, _: PublishedWeights, backbone: nn.Module) -> _Read:  # noqa: ARG001
    checkpoint = decode(path, sha256=sha256)
    return checkpoint.card, _backbone_state(checkpoint.state), Loaded(checkpoint.sha256, {})


def _published(path: Path, sha256: str | None, published: PublishedWeights, backbone: nn.Module) -> _Read:
    """Their tensors by our names, and the backbone's own of what such files lack.

    They lack what lies outside the prefix, and files from before 2018 count no batches.
    """
    content, digest = weights_content(path, sha256)
    whole = read_safetensors if path.suffix == ".safetensors" else read_torch
    theirs = state_dict_of(whole(content, str(path)), str(path))
    if published.convert is not None:
        theirs = published.convert(theirs, backbone)
    state, classifier = renamed(theirs, published.renames, str(path))
    lacking = {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if not name.startswith(published.prefix) or name.endswith(".num_batches_tracked")
    }
    return published.card, lacking | state, Loaded(digest, classifier)


def _backbone_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The backbone's tensors of a classifier's state dict (`backbone.…`), or of its own."""
    prefix = "backbone."
    if any(name.startswith(prefix) for name in state):
        return {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in state.items() if not name.startswith(("fc.", "classifier."))}


def _refuse(path: Path, mismatches: list[str]) -> None:
    if mismatches:
        raise CheckpointError(
            f"{path} was made for another model or input: {'; '.join(mismatches)}; "
            "set the params to what the weights were made with, or use other weights"
        )
