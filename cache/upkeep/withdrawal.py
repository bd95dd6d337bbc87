"""Withdrawing what a repair found to be made of other rows, and finding it in stores that hold it still."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import ShardError, StoreError
from ..home.home import Cache
from ..home.proof import digest_of_file
from ..home.withdrawn import (
    Withdrawn,
    blob_digests,
    note_withdrawal,
    read_withdrawn,
    undamaged_notes,
)
from ..shards.records import read_record_document
from ..store.manifest import read_manifest
from ..store.parts import Parts, read_parts
from .derived import strays_of
from .faults import Fault, Verified

WITHDRAWN = "made of rows that were another's: withdrawn from the cache by {}; `python cli.py cache repair` removes it"
"""Message of a shard, or of weights, whose content the cache has withdrawn; it takes who did so, and when."""


def note_derived(cache: Cache, verified: Verified) -> None:
    """Note what a verification of the cache found: derived shards and blobs, and shards with another's rows.

    It is noted before anything is moved, so that a repair that is killed leaves no content that nobody knows of.
    """
    contents: dict[str, set[str]] = {}
    for key in verified.derived:
        blob = cache.blobs.folder(key)
        contents[key] = (
            blob_digests(blob) if blob.is_dir() else {read_record_document(cache.record(key))["digest"]}
        )
    for stray in strays_of(cache, verified.faults):
        contents.setdefault(stray.key, set()).add(digest_of_file(stray.file))
    note_withdrawal(cache, contents)


def with_withdrawn(cache: Cache, verified: Verified) -> Verified:
    """Add the shards of a verified store that hold what the cache has withdrawn."""
    known = read_withdrawn(cache)
    found = tuple(withdrawn_faults(known, verified.folder)) if known.noted else ()
    return replace(verified, faults=(*verified.faults, *found))


def refuse_withdrawn(cache: Cache, folder: Path) -> None:
    """Raise StoreError where a store holds what the cache has withdrawn; CacheError where that cannot be told."""
    known = undamaged_notes(cache)
    for fault in withdrawn_faults(known, folder) if known.noted else ():
        raise StoreError(f"store {folder} is not used: {fault}")


def withdrawn_faults(known: Withdrawn, folder: Path) -> Iterator[Fault]:
    """Yield each shard of a store whose content was withdrawn; nothing of what is damaged, which `verify` tells."""
    files = read_manifest(folder).files
    try:
        parts = read_parts(folder)
        for array in sorted(parts.arrays):
            for block in parts.blocks(array):
                name = parts.arrays[array].shard(block)
                who = known.by(parts.shard_key(array, block), files[name].digest) if name in files else None
                if who is not None:
                    yield Fault(name, WITHDRAWN.format(who), array, _rows(parts, array, block))
    except (StoreError, ShardError, OSError, ValueError, KeyError):
        return  # damaged, and told as such


def _rows(parts: Parts, array: str, block: int) -> tuple[str, ...]:
    span = parts.span(array, block)
    return tuple(row for row in parts.ids()[span.start : span.stop] if row is not None)
