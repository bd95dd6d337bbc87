"""A disk that fails: the n-th operation on it raises, or kills the process, in a forked child.

Counted are opening for writing, writing, fsync, rename, replace, link, unlink, mkdir, rmdir, chmod and the exchange of
two names, of whatever runs in the child; of a write that fails one half arrives. SQLite works below Python: its writes
are not counted (its index is a help, made anew where it lacks).
"""

import builtins
import errno
import io
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from cache import CacheError, files

How = Literal["kill", "full", "broken"]
"""Dies there; finds the disk full (ENOSPC); finds it broken (EIO)."""
Ended = Literal["whole", "untouched", "told", "killed"]
"""The n-th operation failed and the work was done nonetheless; there were fewer operations; an error told; died."""

_CODES: dict[int, Ended] = {0: "whole", 20: "untouched", 21: "told", 22: "killed"}
_NAMES = ("rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir", "chmod", "fsync")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Disk:
    def __init__(self, at: int, how: How) -> None:
        self.operations = 0
        self.at = at
        self.how = how

    def fails(self) -> bool:
        """Whether the operation that is about to be done is the one; counts it."""
        self.operations += 1
        return self.operations == self.at

    def fail(self) -> None:
        if self.how == "kill":
            os._exit(22)
        raise OSError(errno.ENOSPC if self.how == "full" else errno.EIO, "as the test wants it")

    def step(self) -> None:
        if self.fails():
            self.fail()


class _File(io.FileIO):
    """Writes by halves where it fails."""

    disk: _Disk

    def write(self, data: Any, /) -> int:
        if self.disk.fails():
            super().write(memoryview(data)[: len(data) // 2])
            self.disk.fail()
        return super().write(data) or 0


@contextmanager
def failing(at: int, how: How) -> Iterator[_Disk]:
    """The disk fails at operation `at`, from 1; only for a child that ends soon, all of Python is bent."""
    disk = _Disk(at, how)
    plain_open, os_open = io.open, os.open

    def bent(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            disk.step()
            return original(*args, **options)

        return call

    def opened(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & _WRITING:
            disk.step()
        return os_open(path, flags, *args, **options)

    def opened_file(path: Any, mode: str = "r", buffering: int = -1, *args: Any, **options: Any) -> Any:
        if isinstance(path, int) or not set(mode) & set("wax+"):
            return plain_open(path, mode, buffering, *args, **options)
        disk.step()
        raw = _File(path, mode.replace("b", "").replace("t", ""))
        raw.disk = disk
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        file = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        return file if "b" in mode else io.TextIOWrapper(file, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in _NAMES:
            patch.setattr(os, name, bent(getattr(os, name)))
        patch.setattr(os, "open", opened)
        patch.setattr(io, "open", opened_file)
        patch.setattr(builtins, "open", opened_file)
        patch.setattr(files, "_exchange", bent(files._exchange))
        yield disk


def ended(work: Callable[[], object], at: int, how: How) -> Ended:
    """Do the work in a child whose disk fails at operation `at`. What is neither told by an error of ours nor of the
    system's is the test's failure."""
    child = os.fork()
    if child == 0:
        os._exit(_child(work, at, how))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in _CODES, f"operation {at} ({how}): the child ended with {code}; its traceback stands above"
    return _CODES[code]


def _child(work: Callable[[], object], at: int, how: How) -> int:
    try:
        with failing(at, how) as disk:
            work()
        return 0 if disk.operations >= at else 20
    except (CacheError, OSError):
        return 21
    except BaseException:  # noqa: BLE001 (a child has nobody above it to tell)
        traceback.print_exc()
        return 1


def leftovers(folder: Path) -> list[str]:
    """Names under `folder` that only a writer at work has."""
    ends = (".tmp", ".lock", ".merging", ".importing", ".fetched")
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.endswith(ends) or ".partial-" in path.name
    )
