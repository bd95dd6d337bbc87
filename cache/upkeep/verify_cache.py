"""Verifying a cache: every shard, record, documents' file, learned blob and row order, byte for byte."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
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
from .faults import Fault, Hashes, Verified

_PASSING = (".tmp", ".lock")
"""Ends of names that come and go with whoever writes; the next build sweeps what was left."""


def verify_cache(cache: Cache, hashes: Hashes | None = None) -> Verified:
    """Read all that later runs rely on, and list everything that is not as it was written.

    Host-local helps (index/, digests/, uses/) and work in progress (work/) are not read: they are made anew
    where they lack.
    """
    hashes = hashes or Hashes()
    files, size = hashes.files, hashes.bytes
    faults = (*_shards(cache, hashes), *_blobs(cache, hashes), *_orders(cache, hashes))
    return Verified(cache.root, hashes.files - files, hashes.bytes - size, faults)


def verify_entry(cache: Cache, key: str, hashes: Hashes | None = None) -> list[Fault]:
    """What is wrong with one shard, its record and its documents; empty where nothing is."""
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
        yield Fault(shard, "it has no record: the next build removes it")
        return
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
        told, bad = damaged_rows(cache.shard(key), part)
        rows = tuple(row for n, row in enumerate(every) if row is not None and (n in bad or not bad))
        yield Fault(place, f"its content is not what its record says: {told}", part.spec.name, rows)


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
            hashes.of(path)
        damage = blob_damage(folder)
        if damage is not None:
            yield Fault(place, f"learned blob {folder.name}: {damage}")


def _orders(cache: Cache, hashes: Hashes) -> Iterator[Fault]:
    for path in sorted((cache.root / "orders").rglob("*.json")):
        hashes.of(path)
        damage = order_damage(path.read_bytes())
        if damage is not None:
            yield Fault(path.relative_to(cache.root).as_posix(), f"row order: {damage}")
