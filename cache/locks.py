"""Locks between processes: flock on a file that goes away with its last holder."""

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import full_disk_explained, remove


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path` (made if needed) alone; waits. The kernel lets go when a holder dies, even by SIGKILL."""
    handle = _acquire(path, fcntl.LOCK_EX)
    assert handle is not None  # a waiting lock always arrives
    try:
        yield
    finally:
        _release(path, handle)


@contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Like `locked`, but never waits: gives False where somebody else holds it."""
    handle = _acquire(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _release(path, handle)


@contextmanager
def aside(target: Path, ending: str) -> Iterator[Path]:
    """A place beside `target` to make it in, for one process at a time; gone afterwards.

    What a killed process left there is swept by the next that makes the same target.
    """
    place = target.with_name(f"{target.name}.{ending}")
    with locked(place.with_name(f"{place.name}.lock")):
        remove(place)
        try:
            yield place
        finally:
            remove(place)


class Shared:
    """Shared (read) lock, held until `release()` or garbage collection; blocks whoever wants `path` alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with full_disk_explained(path, "a lock"):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.release = weakref.finalize(self, os.close, handle)
        """Let go; happens by itself with the object's end."""
        fcntl.flock(handle, fcntl.LOCK_SH)


@contextmanager
def locked_alone(path: Path) -> Iterator[bool]:
    """Hold `path` against every `Shared`; never waits: gives False where somebody holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)  # it stays: others may wait on it
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _acquire(path: Path, how: int) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with full_disk_explained(path, "a lock"):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, how)
            if _still_named(path, handle):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its last holder removed it while we waited: take the new one


def _release(path: Path, handle: int) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
    finally:
        os.close(handle)  # else a disk that fails just now would leave it locked for as long as we live


def _still_named(path: Path, handle: int) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(handle)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)
