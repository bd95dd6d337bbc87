"""The card of a file of weights: the network they belong to and the input they need, and how two cards compare.

Weights of the right shapes mean nothing if the pixels were scaled otherwise: so the card travels with them,
and a mismatch is refused.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from torch import nn

from models.errors import CheckpointError
from models.preprocessing import VideoInput


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


def video_card(options: dict[str, Any], video: VideoInput) -> WeightsCard:
    """Return the card of an R3D18 with these options and this input."""
    normalisation = {
        "frames": video.frames,
        "size": video.size,
        "mean": list(video.mean),
        "std": list(video.std),
    }
    return WeightsCard("r3d18", options, normalisation)


def card_mismatches(
    found: WeightsCard,
    expected: WeightsCard,
    backbone: nn.Module,
    *,
    free: Collection[str] = (),
    also: Mapping[str, tuple[Any, ...]] | None = None,
) -> list[str]:
    """Describe each entry that differs, such as "normalisation.mean is [0.5], expected [0.0]".

    An option that a card does not name has the default of `backbone`'s constructor. Entries named in `free` may
    differ; `also` lists values that an entry of `expected` may have beside that of `found`.
    """
    pairs: list[tuple[str, Any, Any]] = [("model", expected.model, found.model)]
    default = _default_options(backbone)
    for part in ("options", "normalisation"):
        want, have = getattr(expected, part), getattr(found, part)
        if part == "options":
            want, have = (_plain({**default, **options}) for options in (want, have))
        pairs += [(f"{part}.{name}", want.get(name), have.get(name)) for name in sorted({*want, *have})]
    return [
        f"{name} is {have!r}, expected {want!r}"
        for name, want, have in pairs
        if want != have and name not in free and want not in (also or {}).get(name, ())
    ]


def _default_options(backbone: nn.Module) -> dict[str, Any]:
    """The constructor's plain defaults. What the data decide (channels, people) shows in the tensors' shapes."""
    parameters = signature(type(backbone)).parameters.values()
    plain = [p for p in parameters if isinstance(p.default, bool | int | float | str) or _sizes(p.default)]
    return {p.name: p.default for p in plain if p.name not in ("in_channels", "num_people")}


def _sizes(value: object) -> bool:
    """Whether it is a tuple of integers, as a stride is."""
    return isinstance(value, tuple) and all(isinstance(item, int) for item in value)
