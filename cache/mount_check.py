"""Whether the cache's folder still stands, and what to do where the file system refuses.

A mount that vanished leaves an empty folder in its place, and whoever makes missing folders as he goes would
fill the disk below it. So a cache carries a mark, and nothing is written where the mark is gone.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import CacheError, UnreachableError
from .files import FULL, write_atomic

MARK = "CACHEDIR.TAG"
_SIGNATURE = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of harcache: backup programs may leave it out (https://bford.info/cachedir/).\n"
)
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT})
_KEPT = "Whole shards stay, half-written ones count for nothing"


def mark(root: Path) -> None:
    """Begin a cache: make its folder and put the mark there, unless it has one. Raises UnreachableError."""
    with _explained(root, root):
        root.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (root / MARK).open("x") as file:
            file.write(_SIGNATURE)


def mark_damage(path: Path) -> str | None:
    """Describe what is wrong with a cache's mark; None where nothing is."""
    return None if path.read_bytes() == _SIGNATURE.encode() else "the cache's mark is not as it was written"


def renew_mark(root: Path) -> None:
    """Write it again."""
    write_atomic(root / MARK, _SIGNATURE.encode())


@contextmanager
def mounted(root: Path, *others: Path) -> Iterator[None]:
    """Refuse a cache whose mark is gone; explain what the file system refuses there and in `others`.

    Raises UnreachableError. An error about any other place passes through: it is not the cache's.
    """
    with _explained(root, root, *others):
        if not (root / MARK).exists():
            raise FileNotFoundError(errno.ENOENT, "its mark is gone", str(root / MARK))
        yield


def advice(error: OSError) -> str:
    """Advise on a finding about another machine's folder; empty where the folder is ours or needs none."""
    if isinstance(error, CacheError):
        return ""
    if error.errno in FULL:
        return f". {_KEPT}. Free some room there, and run the same command again"
    if error.errno in _FORBIDDEN:
        return f". {_KEPT}. Mount it writable or ask for the right to write there, and run the same command again"
    if error.errno in _BROKEN:
        return f". {_KEPT}. See that the folder is mounted and whole, and run the same command again"
    return ""


@contextmanager
def _explained(root: Path, *folders: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = None if isinstance(error, CacheError) else _what(error, root, folders)
        if what is None:
            raise
        raise UnreachableError(error.errno, what, str(error.filename or root)) from error


def _what(error: OSError, root: Path, folders: tuple[Path, ...]) -> str | None:
    """What to say; None where the error is about something else."""
    inside = error.filename is None or any(
        Path(str(error.filename)).is_relative_to(folder) for folder in folders
    )
    if error.errno in _FORBIDDEN and inside:
        return (
            f"cannot be written: {error.strerror}. {_KEPT}. Mount it writable or ask for the right to write "
            "there (a cache may lie elsewhere: HARCACHE_DIR), and run the same command again"
        )
    if (error.errno in _BROKEN and inside) or _vanished(root):
        return (
            f"the cache {root} has vanished while in use ({error.strerror}). {_KEPT}. Mount it again, and run "
            "the same command again"
        )
    return None


def _vanished(root: Path) -> bool:
    try:
        return not (root / MARK).exists()
    except OSError:  # not even asking is possible
        return True
