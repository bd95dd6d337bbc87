"""Source files are read only while they are those whose digests name the result."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from cache import Cache
from cache.home.digests import Digests
from pipeline.errors import InputsChangedError

_RACY_NS = 2_000_000_000
"""A file written to so shortly before may have been written to again without its times telling."""


class SourceFiles:
    """Proves source files before and after they are read; one for all that a worker reads of one block."""

    def __init__(self, cache: Cache) -> None:
        self._digests = Digests(cache)

    def __enter__(self) -> "SourceFiles":
        self._digests.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._digests.__exit__(*error)  # type: ignore[arg-type]

    @contextmanager
    def held(self, files: Mapping[Path, str]) -> Iterator[None]:
        """Check that what is read of `files` within the block has these sha256; raises InputsChangedError otherwise.

        A file whose facts (size, times, inode) were seen with a digest is not read for it again.
        """
        began = time.time_ns()
        before = {path: self._proven(path, sha256) for path, sha256 in files.items()}
        try:
            yield
        finally:
            for path, sha256 in files.items():
                _refuse_touched(path, sha256, before[path], began)

    def _proven(self, path: Path, sha256: str) -> os.stat_result:
        """The facts of a file that is what it must be."""
        try:
            facts = path.stat()
            found = self._digests.sha256(path)
        except FileNotFoundError as error:
            raise InputsChangedError(_message(path)) from error
        if found != sha256:
            raise InputsChangedError(_message(path))
        return facts


def _refuse_touched(path: Path, sha256: str, before: os.stat_result, began: int) -> None:
    try:
        after = path.stat()
    except FileNotFoundError as error:
        raise InputsChangedError(_message(path)) from error
    same = [
        getattr(after, fact) == getattr(before, fact)
        for fact in ("st_ino", "st_dev", "st_size", "st_mtime_ns")
    ]
    settled = after.st_ctime_ns == before.st_ctime_ns and after.st_ctime_ns < began - _RACY_NS
    if not all(same) or not (settled or _sha256(path) == sha256):  # ctime alone: a link or rights, most often
        raise InputsChangedError(_message(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _message(path: Path) -> str:
    return (
        f"{path} changed after it was hashed: nothing made of it is recorded; whole shards stay. Run `index` again "
        "where it belongs to a dataset, then the same command: it goes on with what is there then"
    )
