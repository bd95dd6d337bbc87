"""A stage's blocks as they are sent: plain values, the files that they read named by place and digest."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from cache import Cache, Task
from pipeline.build.pinned import Pinned
from pipeline.build.work import Work
from pipeline.paths import Paths

Placed = TypeVar("Placed")


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of the client's, whose content the remote cache has."""

    path: Path
    """Its absolute path on the client; no worker writes there."""
    digest: str


@dataclass(frozen=True, slots=True)
class SentStage:
    """Facts that all blocks of a stage share."""

    remote: str
    """Address of the remote cache, s3://BUCKET/PREFIX."""
    work: Work
    pinned: Pinned
    files: tuple[SentFile, ...]
    """Files that each block needs."""
    stores: tuple[SentFile, ...]
    """Stores that the rows are computed from: their folders, and the digests of their manifests."""
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class SentBlock:
    """One task with the files of its clips."""

    task: Task
    files: tuple[SentFile, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A block that was not computed, as content that it needs was missing or damaged in the remote cache."""

    block: int
    why: str


def placed(work: Placed, move: Callable[[Path], Path], cache: Cache | None = None) -> Placed:
    """Return the work, or the pinned files, with each path moved, and with `cache` in its cache's place."""
    if isinstance(work, Pinned):
        return replace(work, digests=tuple((move(path), digest) for path, digest in work.digests))
    assert is_dataclass(work)
    moved: dict[str, Any] = {}
    for field in fields(work):
        value = getattr(work, field.name)
        if isinstance(value, Paths):
            moved[field.name] = replace(value, root=move(value.root))
        elif isinstance(value, Path):
            moved[field.name] = move(value)
        elif isinstance(value, Cache) and cache is not None:
            moved[field.name] = cache
    return replace(work, **moved)  # type: ignore[type-var]
