"""Which videos a user means by files and folders, and what each is called."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import DatasetError

SUFFIXES = frozenset((".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"))


def video_ids(paths: Sequence[Path]) -> dict[str, Path]:
    """Each video's name and file; of a folder, every video in it. Raises DatasetError where there is none.

    A name is the path below what all have in common, without its suffix, in ASCII:
    `a/x.mp4` and `b/x.mp4` are `a/x` and `b/x`, `a/x.mp4` and `a/y.mp4` are `x` and `y`.
    """
    files = sorted({file.absolute() for path in paths for file in _files(path)})
    if not files:
        raise DatasetError(
            f"no video in {[str(path) for path in paths]}; known suffixes are {sorted(SUFFIXES)}"
        )
    common = Path(os.path.commonpath([file.parent for file in files]))
    named: dict[str, Path] = {}
    for file in files:
        name = quote(file.relative_to(common).with_suffix("").as_posix(), safe="/ ")
        if name in named:
            raise DatasetError(
                f"{named[name]} and {file} would both be called {name!r}; rename one, or give them separately"
            )
        named[name] = file
    return named


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not path.is_file():
        raise DatasetError(f"{path} is not there; give video files, or folders that hold some")
    return [path]
