"""Verifying a store: every byte of every file against the manifest, and every document against its key."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from ..errors import ShardError, StoreError
from ..keys import digest_of
from ..layout import MANIFEST
from ..shards.reading import ShardReader
from ..shards.specs import shard_key
from ..store.described import Part
from ..store.manifest import FileFacts, Manifest, read_manifest
from ..store.parts import Parts, damaged_rows, read_parts
from .faults import Fault, Hashes, Verified


def verify_store(folder: Path, hashes: Hashes | None = None) -> Verified:
    """Read all of a store and list everything that is not as it was published; never stops at the first.

    Also found: files that the store should not have, shards that stand in each other's place, documents
    that do not give the keys under which the rows stand.
    """
    folder = Path(folder)
    hashes = hashes or Hashes()
    files, size = hashes.files, hashes.bytes
    check = _Check(folder, read_manifest(folder), hashes)
    faults = tuple(check.faults())
    return Verified(folder, hashes.files - files, hashes.bytes - size, faults)


@dataclass(frozen=True)
class _Check:
    folder: Path
    manifest: Manifest
    hashes: Hashes

    def faults(self) -> Iterator[Fault]:
        """Every fault: the manifest, its files in order, what should not be there, what contradicts itself."""
        if self.manifest.damage is not None:
            yield Fault(MANIFEST, self.manifest.damage)
        damaged = set(self.manifest.refused)
        for name in sorted(damaged):
            yield self._fault(name, self._why_refused(name), every=True)
        for name, facts in sorted(self.manifest.files.items()):
            found = self._file(name, facts)
            if found is not None:
                damaged.add(name)
                yield found
        yield from self._strangers()
        yield from self._structure(damaged)

    def _why_refused(self, name: str) -> str:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            return "a name that leads out of the store"
        return f"the manifest's entry {self.manifest.refused[name]}"

    def _file(self, name: str, facts: FileFacts) -> Fault | None:
        try:
            size, digest = self.hashes.of(self.folder / name)
        except FileNotFoundError:
            return self._fault(name, "missing", every=True)
        except OSError as error:
            return self._fault(name, f"unreadable ({error})", every=True)
        if size != facts.size:
            what = f"{size:,} bytes, {self._witness} says {facts.size:,}"
            return self._fault(name, what, every=size == 0)
        if digest != facts.digest:
            return self._fault(name, f"its content is not what {self._witness} says")
        return None

    @property
    def _witness(self) -> str:
        """A damaged manifest may accuse a file that is whole."""
        return "the manifest" if self.manifest.damage is None else "the damaged manifest"

    def _fault(self, name: str, what: str, *, every: bool = False) -> Fault:
        """The fault of a file; where it is a shard or a block's documents, with the rows that it concerns."""
        array, block, part = self._owner.get(name, (None, None, None))
        if array is None or self._parts is None or array not in self._parts.arrays or block is None:
            return Fault(name, what, array)
        assert part is not None  # an array's shard has its part
        span = self._parts.span(array, block)
        if name != part.shard(block) or every:
            return Fault(name, what, array, self._named(span))
        description, bad = damaged_rows(self.folder / name, part)
        rows = [row for within, row in enumerate(span) if within in bad]
        return Fault(name, f"{what}: {description}", array, self._named(rows or span))

    def _named(self, rows: "list[int] | range") -> tuple[str, ...]:
        """Ids of rows; holes have no name, and where the ids can't be read numbers stand for them."""
        if self._ids is None and isinstance(rows, range):
            return (f"rows {rows.start} to {rows.stop - 1}",)
        if self._ids is None:
            return tuple(f"row {row}" for row in rows)
        return tuple(found for row in rows if (found := self._ids[row]) is not None)

    @cached_property
    def _parts(self) -> Parts | None:
        try:
            return read_parts(self.folder)
        except StoreError:
            return None  # told as a fault of zarr.json

    @cached_property
    def _ids(self) -> tuple[str | None, ...] | None:
        try:
            return self._parts.ids() if self._parts is not None else None
        except (ShardError, OSError, UnicodeDecodeError, KeyError, IndexError):
            return None  # told as a fault of the coordinate's file

    @cached_property
    def _owner(self) -> dict[str, tuple[str, int | None, Part | None]]:
        """File to (array, block, part); a coordinate has no block that rows could be named from."""
        owner: dict[str, tuple[str, int | None, Part | None]] = {}
        if self._parts is None:
            return {name: (name.split("/")[0], None, None) for name in self.manifest.files if "/" in name}
        for name, part in self._parts.coords.items():
            owner[part.shard(0)] = owner[f"{name}/zarr.json"] = (name, None, part)
        for name, part in self._parts.arrays.items():
            owner[f"{name}/zarr.json"] = (name, None, part)
            for block in self._parts.blocks(name):
                owner[part.shard(block)] = owner[part.documents(block)] = (name, block, part)
        return owner

    def _strangers(self) -> Iterator[Fault]:
        """What lies in the folder and stands in no manifest, empty folders too."""
        if not self.manifest.files:
            return
        known = {MANIFEST, *self.manifest.files, *self.manifest.refused}
        folders = {str(parent) for name in known for parent in PurePosixPath(name).parents}
        for top, inner, names in os.walk(self.folder):
            place = Path(top).relative_to(self.folder).as_posix()
            for name in sorted(names):
                path = (PurePosixPath(place) / name).as_posix()
                if path not in known:
                    yield Fault(path, "not one of the store's files")
            for name in sorted(inner):
                path = (PurePosixPath(place) / name).as_posix()
                if path not in folders and not any((Path(top) / name).iterdir()):
                    yield Fault(path, "an empty folder that is not the store's")

    def _structure(self, damaged: set[str]) -> Iterator[Fault]:
        """What the store should have by its own description, and whether rows are what their keys say."""
        try:
            parts = read_parts(self.folder)
        except StoreError as error:
            if "zarr.json" not in damaged:
                yield Fault("zarr.json", str(error))
            return
        listed = self.manifest.files.keys() | self.manifest.refused.keys()
        for name in sorted(self._owner):
            if name in listed or (self.manifest.damage and not listed and (self.folder / name).exists()):
                continue
            yield self._fault(
                name, "missing: the manifest doesn't list it, the store's description does", every=True
            )
        if not listed:
            yield from self._by_checksums()
        for array in sorted(parts.arrays):
            yield from self._documents(parts, array, damaged)

    def _by_checksums(self) -> Iterator[Fault]:
        """Without a manifest: what the shards' own checksums find."""
        for name, (_, block, part) in sorted(self._owner.items()):
            if (
                part is not None
                and (block is None or name == part.shard(block))
                and not name.endswith(".json")
            ):
                _, bad = damaged_rows(self.folder / name, part)
                if bad:
                    yield self._fault(name, "damaged")

    def _documents(self, parts: Parts, array: str, damaged: set[str]) -> Iterator[Fault]:
        """Documents whose keys are not those under which the rows stand."""
        part = parts.arrays[array]
        try:
            keys = parts.row_keys(array)
        except (ShardError, OSError, KeyError, ValueError, IndexError):
            return  # the coordinate's file is damaged, and told
        for block in parts.blocks(array):
            name = part.documents(block)
            if name in damaged or not (self.folder / name).exists():
                continue
            try:
                found = parts.documents(array, block)
            except (ShardError, OSError) as error:
                yield self._fault(name, str(error))
                continue
            span = parts.span(array, block)
            wrong = [row for row, key in zip(span, found.row_keys, strict=False) if key != keys[row]]
            expected = shard_key(part.spec, part.rows_per_shard, keys[span.start : span.stop])
            if wrong or found.key != expected:
                what = f"documents of shard {found.key}, its rows' keys say {expected}"
                yield Fault(name, what, array, self._named(wrong or span))
            elif part.shard(block) not in damaged and not self._checksums_hold(part, block, found.checksums):
                yield Fault(name, "its checksums are not those of its shard", array, self._named(span))

    def _checksums_hold(self, part: Part, block: int, table: bytes | None) -> bool:
        """Whether the manifest, the documents and a whole shard tell of the same chunks; older stores tell of none."""
        facts = self.manifest.files.get(part.shard(block))
        if facts is None or facts.checksums is None:
            return True
        reader = ShardReader(self.folder / part.shard(block), part.spec, part.rows_per_shard)
        try:
            return table is not None and digest_of(table) == facts.checksums and reader.checksums() == table
        finally:
            reader.close()
