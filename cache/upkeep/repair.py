"""Repairing a store: link again what the cache still has, fetch what another copy has, compute only the rest."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ShardError, StoreError
from ..files import link_or_copy, remove
from ..home.home import Cache
from ..layout import MANIFEST
from ..shards.documents import Documents
from ..shards.records import read_record_document
from ..store.described import Part
from ..store.manifest import Manifest, parse_manifest, read_manifest
from ..store.parts import Parts, read_parts
from .adopt import adopt_shard, adopt_store
from .faults import Fault, Hashes, Verified
from .salvage import salvage
from .verify import verify_store
from .verify_cache import verify_entry

Fetch = Callable[[str], Path | None]
"""A store's file, by its name in the store, to a copy of it elsewhere (DVC's cache, say); None without one."""


@dataclass
class Repaired:
    """Result of a repair: what was restored, and what remains damaged."""

    folder: Path
    linked: list[str] = field(default_factory=list)
    """Files taken from the cache."""
    refetched: list[str] = field(default_factory=list)
    """Files taken from another copy."""
    recomputed: tuple[str, ...] = ()
    """Ids of the rows that no copy had."""
    rebuilt: bool = False
    """Whether no copy was good, so that the store was built again: what the cache lacked was computed."""
    set_aside: list[str] = field(default_factory=list)
    """Shards and files that were moved to the cache's damaged/."""
    left: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 where damage remains."""
        return int(bool(self.left))

    def __str__(self) -> str:
        counts = (
            f"{len(self.linked)} files linked from the cache, {len(self.refetched)} refetched, "
            f"{len(self.recomputed)} rows recomputed, {len(self.set_aside)} set aside{', built again' * self.rebuilt}"
        )
        lines = [f"{self.folder}: {counts}"]
        lines += [f"  recomputed: {row}" for row in self.recomputed]
        lines += [f"  still damaged: {fault}" for fault in self.left]
        return "\n".join(lines)


def repair_store(
    folder: Path, cache: Cache, *, name: str | None = None, fetch: Fetch | None = None,
    rebuild: Callable[[], object] | None = None,
) -> Repaired:  # fmt: skip
    """Give a store its exact bytes back, at the least cost; what can't be had is listed in `left`.

    name: the store's name in builds, under which the cache keeps its row order; see `adopt_store`.
    rebuild: builds and publishes this very store at `folder` through `cache`, as its stage does; called only
    where neither the cache nor `fetch` has a good copy. By then the cache holds every row that is still good,
    so that the build computes only the damaged ones.
    """
    repair = _Repair(Path(folder), cache, fetch or (lambda _: None), Repaired(Path(folder)))
    repair.manifest()
    expected = read_manifest(repair.folder)
    repair.clean_cache()
    for fault in verify_store(repair.folder).faults:
        repair.mend(fault)
    left = verify_store(repair.folder)
    if left.faults and rebuild is not None:
        left = repair.rebuilt(left, rebuild)
        if expected.problem is None and _rows_of(read_manifest(repair.folder)) != _rows_of(expected):
            repair.forget_salvaged()  # a checksum held that should not have: trust none of them
            rebuild()
            left = verify_store(repair.folder)
    repair.done.left = left.faults
    if not left.faults:
        adopt_store(repair.folder, cache, name)
        for key in repair.salvaged:
            cache.discard(key)  # its rows stand in the store's own shards again
    return repair.done


@dataclass
class _Repair:
    folder: Path
    cache: Cache
    fetch: Fetch
    done: Repaired
    salvaged: set[str] = field(default_factory=set)

    def manifest(self) -> None:
        """A damaged manifest first: all else is measured by it."""
        if read_manifest(self.folder).problem is not None:
            copy = self.fetch(MANIFEST)
            if copy is not None and parse_manifest(copy.read_bytes()).problem is None:
                self._put(copy, MANIFEST, self.done.refetched)

    def clean_cache(self) -> None:
        """Set aside what the cache has of this store and is damaged: it often is the very same file."""
        for part, block, made_of, ids in self._blocks():
            key = made_of.key
            if not self.cache.record(key).exists():
                continue
            faults = verify_entry(self.cache, key)
            if faults and all(fault.place.endswith(".documents") for fault in faults):
                self.cache.documents(key).unlink()
            elif faults:
                self._salvage(part, made_of, self.cache.shard(key), ids)
                self.cache.set_aside(key, "; ".join(map(str, faults)))
                self.done.set_aside.append(f"shard {key} (array {part.spec.name}, block {block})")

    def mend(self, fault: Fault) -> None:
        """One damaged file: from the cache, else from elsewhere; what is not the store's is set aside."""
        facts = read_manifest(self.folder).files.get(fault.place)
        if facts is None:
            if fault.place != MANIFEST and (self.folder / fault.place).exists():
                self._set_aside(fault.place)
            return
        wanted = facts.size, facts.digest
        for copy, names in (
            (self._in_cache(fault.place), self.done.linked),
            (self.fetch(fault.place), self.done.refetched),
        ):
            if copy is not None and copy.exists() and Hashes().of(copy) == wanted:
                self._put(copy, fault.place, names)
                return

    def rebuilt(self, left: Verified, rebuild: Callable[[], object]) -> Verified:
        """Give the cache every row that is good, then build; what the cache lacks is computed."""
        damaged = {fault.place: fault.rows for fault in left.faults}
        for part, block, made_of, ids in self._blocks():
            if part.shard(block) in damaged:
                self.done.recomputed += damaged[part.shard(block)]
                self._salvage(part, made_of, self.folder / part.shard(block), ids)
            elif not self.cache.holds(made_of.key) and self._sound(part, block):
                parts = read_parts(self.folder)
                digest = read_manifest(self.folder).files[part.shard(block)].digest
                adopt_shard(parts, part.spec.name, block, self.cache, parts.ids(), digest, Hashes())
        rebuild()
        self.done.rebuilt = True
        self.done.recomputed = tuple(dict.fromkeys(self.done.recomputed))
        return verify_store(self.folder)

    def forget_salvaged(self) -> None:
        """Take back what was salvaged, and the shards that were built from it."""
        built = {made_of.key for _, _, made_of, _ in self._blocks()}
        for key in sorted(self.salvaged | built):
            record = self.cache.record(key)
            if key in self.salvaged or (record.exists() and _copied(record) & self.salvaged):
                self.cache.set_aside(key, "it was salvaged, and is not what it should be")

    def _blocks(self) -> Iterator[tuple[Part, int, Documents, tuple[str | None, ...]]]:
        """Every block whose documents can be read: its part, number, documents and ids."""
        try:
            parts = read_parts(self.folder)
            ids = parts.ids()
        except (StoreError, ShardError, OSError):
            return  # the build, or another copy, gives these back first
        for array, part in sorted(parts.arrays.items()):
            for block in parts.blocks(array):
                try:
                    made_of = parts.documents(array, block)
                except (ShardError, OSError):
                    continue  # told as a fault of the documents' file
                span = parts.span(array, block)
                yield part, block, made_of, ids[span.start : span.stop]

    def _sound(self, part: Part, block: int) -> bool:
        """Whether manifest, shard and documents of the block agree; the shard was just verified."""
        files = read_manifest(self.folder)
        return files.problem is None and {part.shard(block), part.documents(block)} <= files.files.keys()

    def _salvage(self, part: Part, made_of: Documents, path: Path, ids: tuple[str | None, ...]) -> None:
        if read_manifest(self.folder).problem is None:  # else nothing would tell whether it was right
            key = salvage(self.cache, part, made_of, path, ids, proven=made_of.checksums is not None)
            self.salvaged |= {key} if key is not None else set()

    def _in_cache(self, name: str) -> Path | None:
        """The cache's file for a shard or its documents, by the keys that the coordinate tells."""
        try:
            parts = read_parts(self.folder)
            for array, part in parts.arrays.items():
                if name.startswith(f"{array}/"):
                    return self._by_key(parts, array, part, name)
        except (StoreError, ShardError, OSError, ValueError, KeyError):
            return None  # what describes the store is damaged too
        return None

    def _by_key(self, parts: Parts, array: str, part: Part, name: str) -> Path | None:
        for block in parts.blocks(array):
            if name in (part.shard(block), part.documents(block)):
                key = parts.shard_key(array, block)
                return self.cache.shard(key) if name == part.shard(block) else self.cache.documents(key)
        return None

    def _put(self, copy: Path, name: str, names: list[str]) -> None:
        """Link a good copy under the name, in one step."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.repair")
        remove(aside)
        link_or_copy(copy, aside)
        aside.replace(target)
        names.append(name)

    def _set_aside(self, name: str) -> None:
        """Nothing is thrown away: it may be somebody's only copy."""
        target = self.cache.root / "damaged" / f"{self.folder.name}-{name.replace('/', '-')}"
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(target)
        shutil.move(self.folder / name, target)
        self.done.set_aside.append(name)


def _rows_of(manifest: Manifest) -> dict[str, tuple[int, str]]:
    """What a manifest says of rows and coordinates; what is told of them may be newer code's, which gives the same."""
    return {
        name: (facts.size, facts.digest)
        for name, facts in manifest.files.items()
        if not name.endswith("zarr.json") and "/documents." not in name
    }


def _copied(record: Path) -> set[str]:
    """Shards that a shard's rows were copied from."""
    rows = read_record_document(record)["rows"]
    return {row["copied_from"] for row in rows if row is not None and "copied_from" in row}
