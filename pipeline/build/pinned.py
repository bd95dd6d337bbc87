"""Pinned inputs: a stage checks that the files it reads are those that it was planned from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from cache.keys import digest_of
from cache.layout import MANIFEST
from pipeline.errors import InputsChangedError

_Identity: TypeAlias = tuple[int, int, int]
"""Inode, time of change in ns, bytes."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Files that name what a stage reads: a store's manifest, a catalog, trainings.json."""

    digests: tuple[tuple[Path, str | None], ...] = ()
    """Each file's blake2b-160 as the stage began; None where it was not there."""

    def check(self) -> None:
        """Raise InputsChangedError where one is not what it was."""
        for path, digest in self.digests:
            if _digest(path) != digest:
                raise InputsChangedError(
                    f"{_named(path)} was replaced while this stage ran (by another command, or by DVC): what was "
                    "made of it is not recorded; whole shards stay. Run the same command again, alone"
                )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Check that what the block reads comes from the pinned files; raises InputsChangedError otherwise."""
        self.check()
        before = self._identities()
        try:
            yield
        except Exception:
            self.check()  # what a half-replaced store has to say explains nothing
            raise
        self.check()
        if self._identities() != before:
            raise InputsChangedError(
                f"one of {', '.join(sorted({str(_named(path)) for path, _ in self.digests}))} was replaced and put "
                "back while it was read: nothing made of it is recorded. Run the same command again"
            )

    def _identities(self) -> list[_Identity | None]:
        return [_identity(path) for path, _ in self.digests]


def pinned(*inputs: Path) -> Pinned:
    """Pin files, and stores by their manifests, as they are now."""
    files = [path / MANIFEST if path.suffix == ".zarr" else path for path in inputs]
    return Pinned(tuple((path, _digest(path)) for path in files))


def _named(path: Path) -> Path:
    """The store, where it is a manifest that speaks for it."""
    return path.parent if path.name == MANIFEST else path


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _digest(path: Path) -> str | None:
    identity = _identity(path)
    return None if identity is None else _digest_of(path, identity)


@lru_cache(maxsize=64)
def _digest_of(path: Path, _: _Identity) -> str | None:
    try:
        return digest_of(path.read_bytes())
    except FileNotFoundError:
        return None  # gone this very moment
