"""Writing files so that a name never shows half a content: aside, fsync, rename, fsync the folder."""

import ctypes
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import SpaceError

log = logging.getLogger(__name__)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES})
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def full_disk_explained(path: Path, what: str) -> Iterator[None]:
    """Turn a full disk into an error that says what was being written, where, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, SpaceError):
            raise
        raise SpaceError(
            error.errno,
            f"no room left while writing {what}: {error.strerror}. What was begun is removed; whole shards "
            "stay. Free space there, or point HARCACHE_DIR at a larger disk, and run the same command again",
            str(path),
        ) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Write or replace one file. The caller holds the lock that makes `<path>.tmp` its own."""
    aside = path.with_name(path.name + ".tmp")
    with full_disk_explained(path, f"{len(data):,} bytes"):
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_help(path: Path, *parts: bytes, without: str) -> None:
    """Write a file that only helps; where that fails, say what is done without it."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.writelines(parts)
        aside.replace(path)
    except OSError as error:
        log.warning("%s is not kept (%s): %s", path, error, without)
        with suppress(OSError):
            aside.unlink()


def sweep_help(path: Path) -> None:
    """Remove what killed writers of a help left beside it. The caller holds the lock that keeps others from writing."""
    for left in path.parent.glob(f"{path.name}.*tmp"):
        left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link where the file system allows it, so that nothing lies twice; else a copy."""
    try:
        os.link(source, target)
        return
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
    with full_disk_explained(target, f"a copy of {source.name}"):
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def swap_in(fresh: Path, target: Path) -> None:
    """Give `target` the content of the folder `fresh` in one step; what was there is removed afterwards."""
    if not target.exists():
        fresh.rename(target)
    elif _exchange(fresh, target):
        remove(fresh)
    else:  # a file system without exchange: for a moment there is no target, and a rerun costs only links
        old = fresh.with_name(fresh.name + ".old")
        target.rename(old)
        fresh.rename(target)
        remove(old)
    sync_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; already gone is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def _exchange(one: Path, other: Path) -> bool:
    """Linux's atomic exchange of two names; False where the kernel or the file system has none."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    done = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(done == 0)
