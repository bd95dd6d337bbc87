"""Digest of what lies there as many small files, one a frame."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path


def digest_of_files(paths: Sequence[Path]) -> str:
    """sha256 of the names and contents of files, in their order; read again only where time or size is another."""
    return _digest(tuple((path, (facts := path.stat()).st_mtime_ns, facts.st_size) for path in paths))


@cache
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for path, _, _ in files:
        whole.update(f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
