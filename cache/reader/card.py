"""A store's card: whose data it is, what was done to it, with which weights, and how much of it there is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..store.contents import Contents
from ..store.rows import Rows

SPLITS = ("train", "test")
"""Names of the numbers in the coordinate `split`."""
_RELEASED = "released under"
_TEXTS = ("title", "dataset", "protocol", "stage", "licence", "citation", "url")


@dataclass(frozen=True)
class Card:
    """Description of a store from its attributes; None where one is missing."""

    title: str | None
    dataset: str | None
    protocol: str | None
    """The official way in which `split` divides the clips."""
    stage: str | None
    """Name of the stage that made it: features, frames, …"""
    licence: str | None
    """Licence of the source data, the recordings; `released_under` is what others may do with the store."""
    citation: str | None
    """Citation of the source data."""
    url: str | None
    classes: tuple[str, ...]
    """Names of the labels 0, 1, …"""
    recipe: Mapping[str, Mapping[str, Any]]
    """Array to what all its rows were made with: step, params, …"""
    weights: Mapping[str, Mapping[str, str]]
    """Array to sha256 by the weights' role."""
    versions: Mapping[str, Mapping[str, Any]]
    """Array to the version of its step and of the libraries that its content depends on."""
    counts: Mapping[str, int]
    """clips, failed, and clips of each split."""
    digest: str
    """blake2b-160 that names this very content; good to cite."""
    attrs: Mapping[str, Any]
    """All attributes of the store, the above among them."""

    @property
    def released_under(self) -> str | None:
        """Licence of the release, an SPDX expression or its terms, where `cache publish` put one; else None."""
        stated = self.attrs.get("license")
        words = [stated.get(kind) for kind in ("spdx", "text")] if isinstance(stated, Mapping) else []
        found = next((word for word in words if isinstance(word, str) and word), None)
        return None if _spelled(found) == _spelled(self.licence) else found

    def __str__(self) -> str:
        width = max(map(len, ("digest", _RELEASED, *_TEXTS, *self.recipe)))
        texts = {name: getattr(self, name) for name in _TEXTS}
        if self.released_under is not None:
            texts = {_RELEASED: self.released_under.partition("\n")[0], **texts}
        lines = [f"{name:{width}} {value}" for name, value in texts.items() if value is not None]
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        lines.append(f"{'counts':{width}} {counts}")
        lines += [
            f"{array:{width}} {step.get('step', '')} {json.dumps(self.versions[array], sort_keys=True)}"
            + "".join(f" {role} {sha256[:12]}" for role, sha256 in self.weights.get(array, {}).items())
            for array, step in self.recipe.items()
        ]
        return "\n".join([*lines, f"{'digest':{width}} {self.digest}"])


def _spelled(licence: str | None) -> str:
    """CC BY 4.0 and CC-BY-4.0 are one licence."""
    return (licence or "").replace("-", " ")


def card_of(rows: Rows) -> Card:
    """Read it, and refuse what the content belies. Raises StoreError."""
    contents, attrs = rows.contents, rows.contents.attrs
    texts = {name: attrs.get(name) for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str | None):
            raise contents.broken(f"its card's {name} is {value!r:.80}, no text")
    classes = attrs.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise contents.broken(f"its card's classes are {classes!r:.80}, no names")
    made = {array: _made_of(contents, array) for array in sorted(contents.arrays)}
    weights = {array: dict(doc["weights"]) for array, doc in made.items() if doc.get("weights")}
    _refuse_lies(contents, weights)
    return Card(
        **texts, classes=tuple(classes),
        recipe={array: _without(doc, "weights", "runtime", "version") for array, doc in made.items()},
        weights=weights,
        versions={array: {**doc.get("runtime", {}), "step": doc.get("version")} for array, doc in made.items()},
        counts=_counts(rows, len(classes)), digest=contents.digest, attrs=attrs,
    )  # fmt: skip


def _made_of(contents: Contents, array: str) -> dict[str, Any]:
    doc = contents.made_of.get(array, {})
    if not isinstance(doc, dict) or not all(isinstance(doc.get(n, {}), dict) for n in ("weights", "runtime")):
        raise contents.broken(f"what array {array!r} was made of reads {doc!r:.80}")
    return doc


def _without(doc: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in doc.items() if name not in names}


def _refuse_lies(contents: Contents, weights: Mapping[str, Mapping[str, str]]) -> None:
    """Weights that the card names must be those that the rows were made with."""
    stated = contents.attrs.get("weights", {})
    if not isinstance(stated, dict):
        raise contents.broken(f"its card's weights are {stated!r:.80}, not sha256 by array")
    for array, sha256 in stated.items():
        made = weights.get(array)
        if array not in contents.arrays or (made is not None and sha256 not in made.values()):
            raise contents.broken(
                f"its card says that {array!r} comes of weights {sha256!r:.80}, its rows of {made!r:.200}"
            )


def _counts(rows: Rows, num_classes: int) -> dict[str, int]:
    contents = rows.contents
    counts = {"clips": len(rows.ids), "failed": len({entry["id"] for entry in contents.failures})}
    if "label" in contents.coords and num_classes:
        labels = _numbers(rows, "label")
        if len(labels) and not 0 <= min(labels) <= max(labels) < num_classes:
            raise contents.broken(f"its card names {num_classes} classes, its labels go to {max(labels)}")
    if "split" in contents.coords:
        sides = _numbers(rows, "split")
        if not set(sides) <= set(range(len(SPLITS))):
            raise contents.broken(f"its clips are on sides {sorted(set(sides))!r:.80}, there are {SPLITS}")
        counts |= {name: sides.count(side) for side, name in enumerate(SPLITS)}
    return counts


def _numbers(rows: Rows, name: str) -> Sequence[int]:
    values = rows.coord(name)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise rows.contents.broken(
            f"coordinate {name!r} is {values.dtype} {values.shape}, no numbers of clips"
        )
    return list(map(int, np.asarray(values)))
