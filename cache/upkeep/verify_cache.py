"""Verifying a cache: every shard, record, documents' file, learned blob and row order, byte for byte."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from ..errors import ShardError
from ..home.blobs import blob_damage
from ..home.home import Cache
from ..home.row_order import order_damage
from ..shards.documents import Documents, documents_from, parse_documents
from ..shards.records import read_record_document
from ..shards.specs import ArraySpec
from ..store.described import Part
from ..store.parts import damaged_rows
from .derived import Strays, derived_faults
from .faults import Fault, Hashes, Verified
from .verify_helps import helps_faults, left_overs

_PASSING = (".tmp", ".lock")
"""Ends of names that come and go with whoever writes; the next build sweeps what was left."""


def verify_cache(
    cache: Cache, hashes: Hashes | None = None, strays: Strays = MappingProxyType({})
) -> Verified:
    """Read all of the cache, its helps too, and list everything that is not as it was written, or is made of such.

    strays: shards that were found in stores to hold another's rows, see `strays_in`.
    Work in progress, and what a killed run left for the next build to sweep, is noted and is no fault.
    """
    hashes = hashes or Hashes()
    files, size = hashes.files, hashes.bytes
    faults = (
        *helps_faults(cache, hashes),
        *_shards(cache, hashes),
        *_blobs(cache, hashes),
        *_orders(cache, hashes),
    )
    derived = derived_faults(cache, faults, strays)
    keys = frozenset(PurePosixPath(fault.place).name for fault in derived)
    notes = (*_unrecorded(cache), *left_overs(cache))
    return Verified(cache.root, hashes.files - files, hashes.bytes - size, (*faults, *derived), notes, keys)


def _unrecorded(cache: Cache) -> Iterator[Fault]:
    """Shards whose writer was killed before it recorded them, or is about to: they count for nothing."""
    for path in sorted((cache.root / "shards").glob("*/*")):
        key = path.name.split(".")[0]
        ours = path.name in (key, f"{key}.documents") and len(key) == 40
        if ours and not cache.record(key).exists():
            what = (
                "it has no record: being written, or left by a run that was killed; the next build sweeps it"
            )
            yield Fault(path.relative_to(cache.root).as_posix(), what)


def verify_entry(cache: Cache, key: str, hashes: Hashes | None = None) -> list[Fault]:
    """Check one shard, its record and its documents; return the faults found."""
    return list(_entry(cache, key, hashes or Hashes()))


def _shards(cache: Cache, hashes: Hashes) -> Iterator[Fault]:
    root = cache.root / "shards"
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        found = {entry.name for entry in os.scandir(folder) if not entry.name.endswith(_PASSING)}
        keys = {name.split(".")[0] for name in found}
        for key in sorted(keys):
            ours = {key, f"{key}.json", f"{key}.documents"}
            for name in sorted(n for n in found if n.split(".")[0] == key and n not in ours):
                yield Fault(f"shards/{folder.name}/{name}", "not one of the cache's files")
            if not ours & found:
                continue
            if key[:2] != folder.name or len(key) != 40:
                yield Fault(f"shards/{folder.name}/{key}", "not one of the cache's files")
                continue
            if not cache.record(key).exists():
                continue  # `_unrecorded` tells
            yield from _entry(cache, key, hashes)


def _entry(cache: Cache, key: str, hashes: Hashes) -> Iterator[Fault]:
    shard, record, beside = (
        path.relative_to(cache.root).as_posix()
        for path in (cache.shard(key), cache.record(key), cache.documents(key))
    )
    try:
        hashes.of(cache.record(key))
        document = read_record_document(cache.record(key))
        made_of = documents_from(document)
        spec = ArraySpec.from_document(document["spec"])
        every = [None if row is None else str(row["id"]) for row in document["rows"]]
        keys = tuple(None if row is None else row["key"] for row in document["rows"])
    except FileNotFoundError:
        return  # set aside, or collected, since it was listed
    except (ShardError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield Fault(record, f"the record is damaged ({error})")
        return
    ids = tuple(row for row in every if row is not None)
    if not made_of.key == document["key"] == key or made_of.row_keys != keys:
        yield Fault(record, f"its documents give the shard the key {made_of.key}", spec.name, ids)
        return
    yield from _shard(cache, key, document, Part(spec, made_of.rows_per_shard, {}), every, shard, hashes)
    if cache.documents(key).exists():
        yield from _documents(cache.documents(key), made_of, Fault(beside, "", spec.name, ids), hashes)


def _shard(
    cache: Cache, key: str, document: dict[str, Any], part: Part, every: list[str | None], place: str,
    hashes: Hashes,
) -> Iterator[Fault]:  # fmt: skip
    try:
        size, digest = hashes.of(cache.shard(key))
    except OSError as error:
        yield Fault(place, f"unreadable ({error.strerror})", part.spec.name, tuple(filter(None, every)))
        return
    if (size, digest) != (document["size"], document["digest"]):
        description, bad = damaged_rows(cache.shard(key), part)
        rows = tuple(row for n, row in enumerate(every) if row is not None and (n in bad or not bad))
        yield Fault(place, f"its content is not what its record says: {description}", part.spec.name, rows)


def _documents(path: Path, made_of: Documents, fault: Fault, hashes: Hashes) -> Iterator[Fault]:
    """They must be whole, and say what the record says."""
    try:
        hashes.of(path)
        found = parse_documents(path.read_bytes(), fault.place)
        older = found.checksums is None or made_of.checksums is None  # of before they were kept
        same = replace(found, checksums=made_of.checksums if older else found.checksums) == made_of
    except (ShardError, OSError) as error:
        yield replace(fault, what=str(error))
        return
    if not same:
        yield replace(fault, what="its documents are not the record's")


def _blobs(cache: Cache, hashes: Hashes) -> Iterator[Fault]:
    """What was learned: its files, its record, and that it lies under the key of what it was learned from."""
    for folder in sorted((cache.root / "blobs").glob("*/*")):
        if folder.name.endswith(_PASSING):
            continue
        place = folder.relative_to(cache.root).as_posix()
        for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
            with suppress(OSError):  # no file, or unreadable: told by the next line
                hashes.of(path)
        damage = blob_damage(folder)
        if damage is not None:
            yield Fault(place, f"learned blob {folder.name}: {damage}")


def _orders(cache: Cache, hashes: Hashes) -> Iterator[Fault]:
    for path in sorted((cache.root / "orders").rglob("*.json")):
        try:
            hashes.of(path)
            damage = order_damage(path.read_bytes())
        except OSError as error:
            damage = f"unreadable ({error.strerror})"
        if damage is not None:
            yield Fault(path.relative_to(cache.root).as_posix(), f"row order: {damage}")
