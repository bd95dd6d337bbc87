"""Finding a dataset's files by their names, wherever they lie below its folder."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import DatasetError


def find_clips(
    root: Path, dataset: str, patterns: Mapping[str, re.Pattern[str]]
) -> dict[str, dict[str, str]]:
    """For each kind of file, the path below `root` of every clip that has one.

    A file is of a kind where its whole name fits the kind's pattern, whose group `clip_id` says whose it is.
    Links to folders are followed. DatasetError where there is no such folder, no such file, or two of one
    clip and kind.
    """
    if not root.is_dir():
        raise DatasetError(f"{dataset}: no folder {root}; put the dataset there, or name its folder")
    found: dict[str, dict[str, str]] = {kind: {} for kind in patterns}
    for path in _files_below(root):
        for kind, pattern in patterns.items():
            if match := pattern.fullmatch(path.name):
                _add(found[kind], match["clip_id"], path.relative_to(root).as_posix(), dataset)
    if not any(found.values()):
        raise DatasetError(f"{dataset}: no recording below {root}; file names must fit {_shapes(patterns)}")
    return found


def _files_below(root: Path) -> list[Path]:
    return sorted(
        Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names
    )


def _add(paths: dict[str, str], clip_id: str, path: str, dataset: str) -> None:
    if clip_id in paths:
        raise DatasetError(f"{dataset}: {clip_id} lies there twice, {paths[clip_id]} and {path}; keep one")
    paths[clip_id] = path


def _shapes(patterns: Mapping[str, re.Pattern[str]]) -> str:
    return ", ".join(f"{pattern.pattern} ({kind})" for kind, pattern in patterns.items())
