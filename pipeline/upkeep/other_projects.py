"""Other projects of the same cache that hold what a repair withdrew from it."""

import socket
from dataclasses import dataclass
from pathlib import Path

from cache import Cache
from cache.home.references import Use, read_uses
from cache.home.withdrawn import Withdrawn, read_withdrawn
from cache.store.manifest import read_manifest
from pipeline.training.trainings import TRAININGS
from pipeline.training.withdrawn_inputs import withdrawn_in


@dataclass(frozen=True, slots=True)
class OtherProject:
    """A folder that was made of the same cache, and the stores and weights in it that must be made anew."""

    folder: Path
    host: str
    outs: tuple[str, ...]
    """Stores and folders of weights, relative to the project."""

    def __str__(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        return (
            f"{self.folder}{where} shares this cache and holds what was withdrawn from it ({', '.join(self.outs)}): "
            "run `python cli.py cache repair` there too"
        )


def other_projects(cache: Cache, project: Path, derived: frozenset[str]) -> tuple[OtherProject, ...]:
    """Name every other project that holds withdrawn rows or weights.

    derived: keys of what was withdrawn just now; they decide where a folder cannot be read, as on another machine.
    """
    known = read_withdrawn(cache)
    found: dict[tuple[str, Path], list[str]] = {}
    for use in read_uses(cache) if known.noted else ():
        folder = _project_of(use.out)
        if use.out.is_relative_to(project.absolute()) or not _holds(use, known, derived):
            continue
        found.setdefault((use.host, folder), []).append(use.out.relative_to(folder).as_posix())
    return tuple(OtherProject(folder, host, tuple(outs)) for (host, folder), outs in sorted(found.items()))


def _project_of(out: Path) -> Path:
    """PROJECT of PROJECT/data/demo/features.zarr and PROJECT/weights/demo/heads; else the folder that holds it."""
    return (
        out.parents[2] if len(out.parents) > 2 and out.parents[1].name in ("data", "weights") else out.parent
    )


def _holds(use: Use, known: Withdrawn, derived: frozenset[str]) -> bool:
    here = use.host == socket.gethostname()
    if here and not use.out.exists():
        return False
    try:
        if here and ((use.out / TRAININGS).exists() or read_manifest(use.out).problem is None):
            return any(withdrawn_in(known, use.out))
    except PermissionError:
        pass  # its keys tell
    return not derived.isdisjoint(use.shards | use.blobs)
