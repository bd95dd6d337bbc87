"""Withdrawals: contents that a repair took out of the cache because they were made of rows that were another's.

Other projects may still hold them, as hard links or copies, so each repair leaves a sealed note of what it withdrew.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CacheError, ShardError
from ..files import write_atomic
from ..keys import FORMAT, JSON, key_of, seal_holds, sealed
from ..locks import locked
from ..shards.records import read_record_document, who_and_when
from .home import Cache

WITHDRAWALS = "withdrawn"
"""Folder of the notes, one of each repair that withdrew something."""

Contents = Mapping[str, Collection[str]]
"""Key of a shard or blob, to digests of what stood under it: a shard's blake2b-160, the sha256 of a blob's files."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Everything that was ever withdrawn from a cache."""

    cache: Cache
    noted: Mapping[tuple[str, str], str]
    """(key, digest) to who withdrew that content, and when."""
    damaged: tuple[Path, ...] = ()
    """Notes that fail their seal: what they told of is unknown."""

    def by(self, key: str, digest: str) -> str | None:
        """Say who withdrew this content of the key, and when.

        None where nobody did, or where the cache has made the key anew since and got the very same content.
        """
        who = self.noted.get((key, digest))
        return None if who is None or digest in _contents_now(self.cache, key) else who


def read_withdrawn(cache: Cache) -> Withdrawn:
    """Read every note; a cache that was never repaired has none."""
    noted: dict[tuple[str, str], str] = {}
    damaged: list[Path] = []
    for path in sorted((cache.root / WITHDRAWALS).glob("*.json")):
        data = path.read_bytes()
        if not seal_holds(data):
            damaged.append(path)
            continue
        document: dict[str, Any] = json.loads(data)
        who = f"{document['user']}@{document['host']}, {document['made_at']}"
        noted |= {(key, digest): who for key, digests in document["contents"].items() for digest in digests}
    return Withdrawn(cache, noted, tuple(damaged))


def undamaged_notes(cache: Cache) -> Withdrawn:
    """Read every note. Raises CacheError where one is damaged: what must not be used is then unknown."""
    found = read_withdrawn(cache)
    if found.damaged:
        raise CacheError(
            f"{found.damaged[0]} is damaged: `python cli.py cache verify` names it, `cache repair` takes it away"
        )
    return found


def note_withdrawal(cache: Cache, contents: Contents) -> None:
    """Note what is about to be withdrawn, where no earlier note tells of it."""
    known = read_withdrawn(cache).noted
    new: dict[str, JSON] = {}
    for key, digests in sorted(contents.items()):
        fresh: list[JSON] = [*sorted(digest for digest in digests if (key, digest) not in known)]
        if fresh:
            new[key] = fresh
    if new:
        document: dict[str, JSON] = {"format": FORMAT, **who_and_when(), "contents": new}
        path = cache.root / WITHDRAWALS / f"{key_of(document)}.json"
        with locked(path.with_suffix(".lock")):
            write_atomic(path, sealed(document))


def note_damage(path: Path) -> str | None:
    """Describe what is wrong with a note; None where nothing is."""
    return None if seal_holds(path.read_bytes()) else "it fails its seal: what was withdrawn can't be told"


def blob_digests(folder: Path) -> set[str]:
    """Return the sha256 of each of a blob's files."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def _contents_now(cache: Cache, key: str) -> set[str]:
    """Digests of what the cache has under the key."""
    blob = cache.blobs.folder(key)
    if blob.is_dir():
        return blob_digests(blob)
    try:
        return {read_record_document(cache.record(key))["digest"]}
    except (ShardError, OSError, KeyError):
        return set()  # it was not made anew, or its record is damaged and told as such
