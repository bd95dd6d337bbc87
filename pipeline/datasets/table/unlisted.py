"""Videos that lie in a table's folder and that no row names."""

import os
from collections.abc import Iterable
from pathlib import Path

from pipeline.video.video_files import SUFFIXES


def unlisted_videos(root: Path, named: Iterable[str]) -> tuple[str, ...]:
    """Return the paths from `root` of all videos below it but those `named`, likewise from `root`; sorted."""
    known = {os.path.normpath(root / path) for path in named}
    found = (
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 (a path each would cost a second in 100,000)
    )
    return tuple(
        sorted(path.relative_to(root).as_posix() for path in found if os.path.normpath(path) not in known)
    )
