"""The protocols that PYSKL's `split` spells: "xsub_train" and "xsub_val", "train1" and "test1", "train" and "test"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.values import Split

_NAME = re.compile(r"(?:(?P<protocol>.+)_)?(?P<side>train|val|test)(?P<fold>\d*)")
UNNAMED = "split"
"""Protocol of parts that are called train and test alone."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Clips on each side of one protocol."""

    train: frozenset[str]
    test: frozenset[str]
    both: frozenset[str] = frozenset()
    """Clips in training and test: such a protocol is refused when it is asked for, the file's others remain."""

    def of(self, frame_dir: str) -> Split:
        """The clip's side; `unused` where it has none, as in each of HMDB51's three splits a quarter has."""
        if frame_dir in self.train:
            return "train"
        return "test" if frame_dir in self.test else "unused"


def protocols_of(split: Mapping[str, frozenset[str]]) -> dict[str, Sides]:
    """Every protocol that has both sides, sorted. Where there is val and test, val trains."""
    parts: dict[str, dict[str, frozenset[str]]] = {}
    for name, ids in split.items():
        if match := _NAME.fullmatch(name):
            protocol = (match["protocol"] or UNNAMED) + match["fold"]
            parts.setdefault(protocol, {})[match["side"]] = ids
    return {
        protocol: _sides(found)
        for protocol, found in sorted(parts.items())
        if "train" in found and len(found) > 1
    }


def _sides(parts: Mapping[str, frozenset[str]]) -> Sides:
    train, test = parts["train"], parts["test" if "test" in parts else "val"]
    more = parts["val"] - test if "test" in parts and "val" in parts else frozenset[str]()
    return Sides(train | more, test, train & test)
