"""Importing a store that came from elsewhere: nothing is trusted before every byte of it was checked.

In this order: names and sizes against the manifest, before anything is written; each file's bytes against its digest
while they are copied aside; the description against the files and against what Zarr is told; documents against keys;
every chunk as a reader will read it; what the card tells of rows against what is there. Then one rename.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArchiveError, SpaceError, StoreError
from ..files import full_disk_explained, swap_in, sync_folder
from ..home.home import Cache
from ..layout import MANIFEST
from ..locks import aside
from ..store.manifest import MANIFEST_LIMIT_BYTES, FileFacts, Manifest, parse_manifest
from ..store.zips import refuse_name
from ..upkeep.adopt import Adopted, adopt_store
from ..upkeep.faults import Hashes
from .archives import copy_hashed, refuse_twins
from .origins import Origin, origin_of
from .scrutiny import scrutinise


@dataclass(frozen=True, slots=True)
class Imported:
    """The store that was placed."""

    path: Path
    rows: int
    files: int
    bytes: int
    digest: str
    """Digest of its manifest, which the publisher can state to prove that it is the same store."""
    adopted: Adopted | None

    def __str__(self) -> str:
        summary = f"{self.path}: {self.rows} rows, {self.files} files, {self.bytes:,} bytes, all as published"
        lines = [f"{summary}; digest {self.digest}", *([str(self.adopted)] if self.adopted else [])]
        return "\n".join(lines)


def import_store(
    source: str | Path,
    to: Path,
    *,
    cache: Cache | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> Imported:
    """Check the store in a zip, a folder or behind an address, and place it at `to`, whole or not at all.

    cache: takes its shards in too (see `adopt_store`, also for `name`). digest: what the store's publisher says
    that its manifest's digest is. Raises ArchiveError that says what can't be trusted; then nothing is left.
    """
    to = Path(to)
    with aside(to, "importing") as partial:
        if to.exists() or to.is_symlink():
            raise StoreError(f"{to} is there already: move it away first, or import to another place")
        with aside(to, "fetched") as fetched, origin_of(str(source), fetched) as origin:
            manifest = _copied(origin, partial, digest)
        hashes = Hashes()
        rows = scrutinise(partial, str(source), hashes)
        swap_in(partial, to)
    adopted = adopt_store(to, cache, name, hashes) if cache is not None else None
    size = sum(facts.size for facts in manifest.files.values())
    return Imported(to, rows, len(manifest.files) + 1, size, manifest.digest, adopted)


def _copied(origin: Origin, folder: Path, digest: str | None) -> Manifest:
    """Every file that the manifest lists, byte for byte, and no other."""
    data = origin.whole(MANIFEST, limit=MANIFEST_LIMIT_BYTES)
    manifest = parse_manifest(data)
    _refuse_manifest(manifest, origin, digest)
    _refuse_room(manifest.files, folder.parent, origin)
    folder.mkdir()
    (folder / MANIFEST).write_bytes(data)
    for name, facts in sorted(manifest.files.items()):
        _copy(origin, name, facts, folder / name)
    for path in [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]:
        sync_folder(path)
    return manifest


def _refuse_manifest(manifest: Manifest, origin: Origin, digest: str | None) -> None:
    """Names and sizes, before a single byte is written."""
    where = origin.where
    if manifest.problem is not None:
        raise ArchiveError(f"{where}: its {MANIFEST} is {manifest.problem}; fetch it again")
    if digest is not None and manifest.digest != digest:
        raise ArchiveError(
            f"{where} is another store: its digest is {manifest.digest}, asked for was {digest}"
        )
    for name in manifest.files:
        refuse_name(name, where)
    refuse_twins(manifest.files, where)
    sizes = origin.sizes()
    if sizes is None:
        return
    listed = {name: facts.size for name, facts in manifest.files.items()}
    found = {name: size for name, size in sizes.items() if name != MANIFEST}
    strange = sorted(found.keys() - listed.keys())
    if strange:
        raise ArchiveError(f"{where}: {strange[0]!r:.100} is none of the store's files; take it away")
    for name, size in sorted(listed.items()):
        if found.get(name) != size:
            has = "is missing" if name not in found else f"holds {found[name]:,} bytes"
            raise ArchiveError(f"{where}: {name} {has}, its manifest says {size:,} bytes; fetch it again")


def _refuse_room(files: Mapping[str, FileFacts], folder: Path, origin: Origin) -> None:
    needed, free = sum(facts.size for facts in files.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise SpaceError(f"{origin.where} says that it takes {needed:,} bytes; {free:,} are free at {folder}")


def _copy(origin: Origin, name: str, facts: FileFacts, target: Path) -> None:
    target.parent.mkdir(exist_ok=True, parents=True)
    size = facts.size
    with origin.opened(name) as source, full_disk_explained(target, name), target.open("xb") as file:
        found = copy_hashed(source, file, size)
        copied = file.tell()
        file.flush()
        os.fsync(file.fileno())
    if copied != size or found != facts.digest:
        raise ArchiveError(f"{origin.where}: {name} is not what its manifest says; fetch it again")
