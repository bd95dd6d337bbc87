"""Weights in the files of timm and transformers: config.json beside them says network, pixels and classes."""

import json
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from models.errors import CheckpointError
from models.published.card import WeightsCard
from models.published.renames import CLASSIFIER, PublishedWeights, Rename

HubKind = Literal["timm", "transformers"]

HUB_KINDS: tuple[HubKind, ...] = ("timm", "transformers")

_OF_NO_NETWORK = frozenset(
    {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "model_type"}
    | {"id2label", "label2id", "num_labels", "problem_type"}
)
"""Entries of a config.json that decide nothing that the network computes."""

_FREE = frozenset({"normalisation.frames", "options.pool"})


def hub_weights(kind: HubKind, path: Path) -> PublishedWeights:
    """Return the card of a file of weights, from config.json beside it, and how its names map to ours.

    Raises CheckpointError where that or, of transformers, preprocessor_config.json is not there or not whole.
    """
    config = _document(path.parent / "config.json")
    try:
        return _timm(config) if kind == "timm" else _transformers(config, path.parent)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path.parent}/config.json is not as {kind} writes it: {type(error).__name__} {error}"
        ) from error


def read_safetensors(content: bytes, source: str) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, which can hold nothing else. Raises CheckpointError."""
    try:
        from safetensors import SafetensorError  # comes with either library
        from safetensors.torch import load
    except ImportError as error:
        raise CheckpointError(f"{source} needs safetensors: pip install 'harcache[backbones]'") from error
    try:
        state: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{source} is not a whole file of safetensors: {error}") from error
    return state


def _timm(config: dict[str, Any]) -> PublishedWeights:
    facts = config.get("pretrained_cfg", config)
    _, size, _ = facts["input_size"]
    options: dict[str, Any] = {"name": config["architecture"]}
    if config.get("model_args"):
        options["arguments"] = config["model_args"]
    pixels = {"size": size, "mean": list(facts["mean"]), "std": list(facts["std"])}
    heads = facts.get("classifier") or "head"
    names = [heads] if isinstance(heads, str) else list(heads)
    first, *others = (name.replace(".", r"\.") for name in names)
    return PublishedWeights(
        WeightsCard("timm", options, pixels),
        (
            *(Rename(rf"^{name}\.", None) for name in others),
            Rename(rf"^{first}\.(weight|bias)$", rf"{CLASSIFIER}\1"),
            Rename(rf"^(?!{CLASSIFIER})", "network."),
        ),
        free=_FREE,
    )


def _transformers(config: dict[str, Any], folder: Path) -> PublishedWeights:
    facts = _document(folder / "preprocessor_config.json")
    different = {name: value for name, value in config.items() if name not in _OF_NO_NETWORK}
    options: dict[str, Any] = {"name": config["model_type"], **({"config": different} if different else {})}
    pixels: dict[str, Any] = {
        "size": _side(facts),
        "mean": list(facts["image_mean"]),
        "std": list(facts["image_std"]),
    }
    return PublishedWeights(
        WeightsCard("transformers", options, pixels),
        (Rename("^", "network."),),
        free=_FREE,
        convert=_converted,
    )


def _converted(state: dict[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """The trunk under the names of the library that is installed.

    A classifier is left out: theirs stand behind a token or a norm of their own, ours on the mean.
    """
    from models.hub.transformers_clips import TransformersClips, trunk_state

    if not isinstance(backbone, TransformersClips):
        raise CheckpointError(f"weights of transformers cannot fill {type(backbone).__name__}")
    return trunk_state(state, backbone.network)


def _side(facts: dict[str, Any]) -> int:
    """H and W of the pixels: what is cut out at last, or the size that they are brought to."""
    asked = facts.get("crop_size") if facts.get("do_center_crop") else None
    size = asked or facts["size"]
    return int(size if isinstance(size, int) else size.get("height") or size["shortest_edge"])


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}; weights of timm and transformers lie beside the configuration that "
            "was saved with them"
        ) from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} must hold a mapping, got {type(found).__name__}")
    return found
