"""Small file systems of a test's own, where the machine lets us mount: to fill, to forbid, to lose."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmpfs(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size at `folder`; skips the test where mounting is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    error = _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    if error:
        pytest.skip(f"mounting a tmpfs is not permitted here: {error}")
    try:
        yield folder
    finally:
        lose(folder)


def lose(folder: Path) -> None:
    """As when the network goes: what is open stays, every path leads into the empty folder below the mount."""
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """`how` is "ro" or "rw"."""
    error = _mount("-o", f"remount,{how}", str(folder))
    assert error == ""


def fill(folder: Path) -> Path:
    """A file that takes all the room there is; remove it to give it back."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    return ballast


def _mount(*words: str) -> str:
    """What `mount` complains of; empty where all went well."""
    try:
        ran = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return ran.stderr.strip() if ran.returncode else ""
