"""Collecting garbage: what no published store or weights need, and what was left lying for long."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..errors import CacheError
from ..files import remove
from ..home.home import Cache
from ..home.references import read_uses, since_days
from ..locks import locked_alone, try_locked

Kind = Literal["shard", "blob", "work", "damaged", "answer"]
_NAMES = {
    "shard": "shards", "blob": "learned blobs", "work": "in work", "damaged": "damaged", "answer": "answers",
}  # fmt: skip
"""As `cache ls` calls them, and answers of `cache.answers` with what killed writers left of them."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """One thing that nobody needs."""

    kind: Kind
    name: str
    bytes: int
    shared: int
    """Bytes of it in files that have other links: they stay on the disk until those go too."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Garbage that can be removed, or was."""

    root: Path
    items: tuple[Garbage, ...]
    deleted: bool
    uses: int
    """Folders that need something."""
    days: float

    @property
    def bytes(self) -> int:
        """Total size of the garbage in bytes."""
        return sum(item.bytes for item in self.items)

    @property
    def freed(self) -> int:
        """Bytes that the disk regains: without files that other folders link to."""
        return sum(item.bytes - item.shared for item in self.items)

    def __str__(self) -> str:
        kinds: dict[str, list[Garbage]] = {}
        for item in self.items:
            kinds.setdefault(item.kind, []).append(item)
        what = ", ".join(f"{len(found)} {_NAMES[kind]}" for kind, found in sorted(kinds.items())) or "nothing"
        outcome = "removed" if self.deleted else "would be removed (a dry run: --delete does it)"
        return (
            f"{self.root}: {what} {outcome}: {self.bytes:,} bytes, {self.freed:,} of them free on the disk. "
            f"Kept: what {self.uses} folders need, and all that is younger than {self.days:g} days"
        )


def collect(
    cache: Cache, *, days: float = 7.0, delete: bool = False, needed: Collection[str] = ()
) -> Collected:
    """List what no living use names and nobody touched for `days`; with `delete`, remove it.

    needed: further keys of shards and blobs that must stay.

    Nothing that a process writes is removed: a build in progress (planned and not yet finished) holds the
    cache, and CacheError is raised then; each shard and blob is removed under its own lock.
    """
    with locked_alone(cache.in_use) as alone:
        if delete and not alone:
            raise CacheError(f"a build is at work in {cache.root}: collect garbage when it has finished")
        alive = [use for use in read_uses(cache) if use.alive(since_days(days))]
        wanted = frozenset(needed).union(*(use.shards | use.blobs for use in alive))
        items = tuple(_garbage(cache, wanted, since_days(days)))
        if delete:
            items = tuple(item for item in items if _removed(cache, item))
    return Collected(cache.root, items, delete, len(alive), days)


def _garbage(cache: Cache, needed: frozenset[str], since: datetime) -> Iterator[Garbage]:
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        if path.stem not in needed and not _young(path, since):
            yield _sized("shard", path.stem, [path, cache.shard(path.stem), cache.documents(path.stem)])
    places: tuple[tuple[Kind, str], ...] = (
        ("blob", "blobs/*/*"),
        ("work", "work/*"),
        ("damaged", "damaged/*"),
    )
    for kind, pattern in places:
        for path in sorted(cache.root.glob(pattern)):
            damaged = kind == "damaged"  # what a store needs is not this, but what took its place
            kept = path.name.endswith((".lock", ".tmp")) or (path.name in needed and not damaged)
            if not kept and not _young(path, since, moved=damaged):
                yield _sized(kind, path.name, _files(path))
    for path in sorted(cache.root.glob("answers/*")):  # found again when next asked for
        if not _young(path, since):
            yield _sized("answer", path.name, [path])


def _sized(kind: Kind, name: str, files: list[Path]) -> Garbage:
    stats = _stats(files)
    return Garbage(kind, name, sum(s.st_size for s in stats), sum(s.st_size for s in stats if s.st_nlink > 1))


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]


def _stats(files: list[Path]) -> list[os.stat_result]:
    found = []
    for path in files:
        with suppress(FileNotFoundError):  # a build goes on beside a dry run
            found.append(path.lstat())
    return found


def _young(path: Path, since: datetime, *, moved: bool = False) -> bool:
    """Whether it, or anything in it, was written since, or (where that counts) moved to where it lies."""
    stats = _stats([path, *_files(path)])
    latest = max((stat.st_ctime if moved else stat.st_mtime for stat in stats), default=0.0)
    return datetime.fromtimestamp(latest, UTC) > since


def _removed(cache: Cache, item: Garbage) -> bool:
    if item.kind == "shard":
        return cache.discard(item.name) > 0
    if item.kind == "answer":
        remove(cache.root / "answers" / item.name)
        return True
    folder = cache.root / {"blob": f"blobs/{item.name[:2]}", "work": "work", "damaged": "damaged"}[item.kind]
    with try_locked(folder / f"{item.name}.lock") as free:
        if free:
            remove(folder / item.name)
        return free
