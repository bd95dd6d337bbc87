"""Finding a dataset's files by their names, wherever they lie below its folder."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DatasetError

SHOWN = 4
"""Names of what was found instead, in a message."""


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Files found below a dataset's folder."""

    paths: Mapping[str, Mapping[str, str]]
    """For each kind of file, the path below the folder of every clip that has one."""
    unclear: Mapping[str, str]
    """Clips of which nobody can say which file is theirs, and why; they are in `paths` too."""


def find_clips(
    root: Path, dataset: str, patterns: Mapping[str, re.Pattern[str]], *, expected: str
) -> FoundFiles:
    """The files below `root`, by kind and clip.

    A file is of a kind where its whole name fits the kind's pattern, whose group `clip_id` says whose it is.
    Links to folders are followed. DatasetError, which names the `expected` files, where there is no such folder or none
    of them, with what is there instead.
    """
    if not root.is_dir():
        raise DatasetError(f"{dataset}: no folder {root}; expected {expected} in it")
    found: dict[str, dict[str, str]] = {kind: {} for kind in patterns}
    unclear: dict[str, str] = {}
    for path in files_below(root):
        for kind, pattern in patterns.items():
            if match := pattern.fullmatch(path.name):
                place = path.relative_to(root).as_posix()
                first = found[kind].setdefault(match["clip_id"], place)
                if first != place:
                    unclear[match["clip_id"]] = f"it lies there twice, {first} and {place}; keep one"
                elif not place.isascii() and not is_text(place):
                    unclear[match["clip_id"]] = f"the folder {place!a} is not UTF-8; rename it"
    if not any(found.values()):
        raise DatasetError(f"{dataset}: no recording below {root}; expected {expected}; found {shown(root)}")
    return FoundFiles(found, unclear)


def files_below(root: Path) -> list[Path]:
    """Every file below `root`, sorted; links to folders are followed."""
    return sorted(
        Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names
    )


def shown(folder: Path) -> str:
    """The first names in a folder, for a message; `no such folder` and `an empty folder` are said too."""
    if not folder.is_dir():
        return "no such folder"
    return some_names(sorted(path.name for path in folder.iterdir())) or "an empty folder"


def some_names(names: Sequence[str]) -> str:
    """The first of the names, for a message, and how many more there are; "" where there are none."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def is_text(path: str) -> bool:
    """Whether UTF-8 can hold it: bytes that are none come as lone surrogates."""
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in path)
