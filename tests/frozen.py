"""A store as harcache wrote it at commit c975619, kept as bytes: ten rows of `cache_small`, one failed, one removed.

Made by that commit's own code, once: with its `cache` and its tests' `cache_small` on the path,

    build(cache, folder / "small.zarr", rows_of(*range(10)), Computer(bad=frozenset({"r003"})))
    build(cache, folder / "small.zarr", rows_of(*(n for n in range(10) if n != 5)))

and the store's files put into a tar, by name, all of one time. Never make it again: that it is old is the point.
"""

import tarfile
from pathlib import Path

IDS = tuple(f"r{number:03d}" for number in range(10) if number != 5)
BAD = "r003"
DIGEST = "d3d4c76fee7d65507e4a3fe16828c3f7cbaf7199"
"""Of its manifest."""


def thawed(folder: Path) -> Path:
    """The store, laid out at `folder`."""
    with tarfile.open(Path(__file__).with_name("frozen_store.tar.xz")) as archive:
        archive.extractall(folder, filter="data")
    return folder
