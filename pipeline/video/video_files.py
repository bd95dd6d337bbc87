"""Videos that a user's files and folders stand for, and their names."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DatasetError

SUFFIXES = frozenset(
    (
        *(
            ".3g2",
            ".3gp",
            ".asf",
            ".avi",
            ".divx",
            ".flv",
            ".gif",
            ".m2ts",
            ".m4v",
            ".mkv",
            ".mov",
            ".mp4",
            ".mpeg",
        ),
        *(".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)
"""Endings of files that a folder's videos are taken from; any other is read where it is named by itself."""


@dataclass(frozen=True, slots=True)
class NamedVideos:
    """Videos by name, and what lay among them."""

    files: dict[str, Path]
    """Each video's name and file."""
    skipped: tuple[Path, ...]
    """Files in the folders that bear no video's suffix."""

    def coords(self, ids: Sequence[str]) -> dict[str, NDArray[np.bytes_]]:
        """Return the coordinate `file` of a store with a row for each of `ids`: names of the files, in ASCII."""
        return {"file": np.array([quote(os.fsencode(self.files[name].name)) for name in ids], "S")}

    @property
    def note(self) -> str:
        """Describe what was skipped and why; empty where nothing was."""
        if not self.skipped:
            return ""
        kinds = Counter(file.suffix.lower() or "without suffix" for file in self.skipped)
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        return (
            f"{len(self.skipped)} files skipped, their suffix is no video's: {counts}; "
            "name one by itself to have it read"
        )


def video_ids(paths: Sequence[Path]) -> NamedVideos:
    """Each video's name and file; of a folder, every video in it. Raises DatasetError where there is none.

    A name is the path below what all have in common, without its suffix unless two differ by that alone, in ASCII:
    `a/x.mp4` and `b/x.mp4` are `a/x` and `b/x`, `a/x.mp4` and `a/y.mp4` are `x` and `y`, `x.avi` and `x.mp4` stay.
    """
    every = sorted({file.absolute() for path in paths for file in _files(path)})
    asked = {path.absolute() for path in paths}
    files = [file for file in every if file.suffix.lower() in SUFFIXES or file in asked]
    if not files:
        raise DatasetError(
            f"no video in {[str(path) for path in paths]}; known suffixes are {sorted(SUFFIXES)}"
        )
    common = Path(os.path.commonpath([file.parent for file in files]))
    whole = {file: _quoted(file.relative_to(common)) for file in files}
    short = {file: _quoted(file.relative_to(common).with_suffix("")) for file in files}
    taken = Counter([*short.values(), *whole.values()])
    named = {short[file] if taken[short[file]] == 1 else whole[file]: file for file in files}
    return NamedVideos(named, tuple(file for file in every if file not in whole))


def _quoted(path: Path) -> str:
    """In ASCII, also where a name is not UTF-8."""
    return quote(os.fsencode(path.as_posix()), safe="/ ")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file()]
    if not path.is_file():
        raise DatasetError(f"{path} is not there; give video files, or folders that hold some")
    return [path]
