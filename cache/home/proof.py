"""Proof that a shard's file is the one that its record speaks of: by its time if left alone, else by its bytes."""

import os
import time
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from ..errors import ShardError
from ..files import write_atomic
from ..keys import KEY_BYTES, sealed
from ..locks import try_locked
from ..shards.records import Record, read_record_document
from .home import Cache

_SETTLED_NS = 10_000_000_000
"""A new shard's time is set so far back that any later writing shows, however coarse the file system's clock."""


def settled(path: Path) -> int:
    """Make a file that was just written tell of any later writing; gives its time in ns, for the record."""
    found = path.stat()
    past = time.time_ns() - _SETTLED_NS
    if found.st_mtime_ns > past:
        with suppress(PermissionError):  # another's file: it is read again until its time is past
            os.utime(path, ns=(found.st_atime_ns, past))
    return path.stat().st_mtime_ns


def prove(cache: Cache, record: Record) -> Record:
    """Raise ShardError unless the shard's file is what its record says; FileNotFoundError where there is none.

    A file of the recorded size and time is taken for the one that was written. Any other is read whole, once: it
    gets the recorded time back, or a record of before times were kept is written again with one.
    """
    path = cache.shard(record.key)
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) == (record.size, record.mtime_ns):
        return record
    if (found.st_size, digest_of_file(path)) != (record.size, record.digest):
        raise ShardError(
            f"shard {path} of array {record.spec.name!r}: its content is not what its record says"
        )
    if record.mtime_ns is None:
        return _dated(cache, record)
    with suppress(PermissionError):  # another's: read again the next time
        os.utime(path, ns=(found.st_atime_ns, record.mtime_ns))
    return record


def digest_of_file(path: Path) -> str:
    """blake2b-160 of a file."""
    digest = blake2b(digest_size=KEY_BYTES)
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _dated(cache: Cache, record: Record) -> Record:
    """The record, written again with the time of the file that was just proven; as it was where somebody is at it."""
    with try_locked(cache.lock(record.key)) as free:
        if not free:
            return record
        document = read_record_document(cache.record(record.key))
        document["mtime_ns"] = settled(cache.shard(record.key))
        document.pop("seal", None)
        with suppress(PermissionError):
            write_atomic(cache.record(record.key), sealed(document))
    return replace(record, mtime_ns=document["mtime_ns"])
