"""State dicts that others publish, brought to the names of our networks: renames by regular expression."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from models.errors import CheckpointError
from models.published.card import WeightsCard

CLASSIFIER = "classifier."
"""Prefix of the names of a published classifier's tensors, once they are renamed."""

_CONTAINERS = ("state_dict", "model_state_dict", "model")
"""Where trainers keep the state dict, an optimiser and a log beside it."""

_PARALLEL = "module."
"""What torch's DataParallel puts before each name."""

Change = Literal["transposed", "negated"]

_CHANGES: dict[Change, Callable[[Tensor], Tensor]] = {
    "transposed": lambda tensor: tensor.transpose(-2, -1).contiguous(),
    "negated": lambda tensor: -tensor,
}


@dataclass(frozen=True, slots=True)
class Rename:
    """One step from a published name to ours; a name goes through all steps of its kind, in their order."""

    pattern: str
    """Regular expression that is searched in the name; a name without a match stays as it is."""
    to: str | None
    """Replacement of the first match, as re.sub takes it; None leaves the tensor out."""
    change: Change | None = None
    """Change of the tensor's values, where our network computes with another sign or axis order."""


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Weights that others publish: the card they would carry, and how their names map to ours."""

    card: WeightsCard
    renames: tuple[Rename, ...]
    """Steps from their names to ours; the tensors of their classifier come out as CLASSIFIER and a name."""
    stem: str | None = None
    """Our name of the first convolution's weight, which input of one channel has summed; None where it cannot be."""
    prefix: str = ""
    """Prefix of their tensors' names in our network; tensors outside it keep their own values."""
    free: frozenset[str] = frozenset()
    """Entries of the card that such weights do not fix."""
    convert: Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]] | None = None
    """Brings the backbone's tensors to its names where renames alone cannot, before them."""
    also: Mapping[str, tuple[Any, ...]] | None = None
    """Values that an entry of the params may have beside the card's."""


def state_dict_of(document: Mapping[str, Any], source: str) -> dict[str, Tensor]:
    """Return the state dict of a published file: all of it, or what its trainer wrapped around it taken away.

    Looks under `state_dict`, `model_state_dict` and `model`, and takes DataParallel's `module.` off the names. Raises
    CheckpointError where anything but tensors is left.
    """
    inner = next((document[name] for name in _CONTAINERS if isinstance(document.get(name), dict)), document)
    others = sorted(str(name) for name, value in inner.items() if not isinstance(value, Tensor))
    if others or not inner:
        raise CheckpointError(
            f"{source} must hold a state dict (names to tensors), at its top or under one of {_CONTAINERS}, got "
            f"{', '.join(others[:5]) or 'nothing'}; save one with torch.save(model.state_dict(), path)"
        )
    parallel = all(name.startswith(_PARALLEL) for name in inner)
    return {name.removeprefix(_PARALLEL) if parallel else name: tensor for name, tensor in inner.items()}


def renamed(
    state: Mapping[str, Tensor], renames: tuple[Rename, ...], source: str
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the backbone's tensors by our names, and those of the published classifier (weight and bias, or none).

    Raises CheckpointError where two tensors get one name.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        ours, value = _step_by_step(name, tensor, renames)
        if ours is None:
            continue
        if ours in found:
            raise CheckpointError(
                f"{source} holds two tensors for {ours}, one of them {name}: give one network's"
            )
        found[ours] = value
    classifier = {
        name.removeprefix(CLASSIFIER): found.pop(name) for name in list(found) if name.startswith(CLASSIFIER)
    }
    return found, classifier


def _step_by_step(name: str, tensor: Tensor, renames: tuple[Rename, ...]) -> tuple[str | None, Tensor]:
    for step in renames:
        if re.search(step.pattern, name):
            if step.to is None:
                return None, tensor
            name = re.sub(step.pattern, step.to, name, count=1)
            tensor = tensor if step.change is None else _CHANGES[step.change](tensor)
    return name, tensor
