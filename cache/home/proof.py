"""Proof that a shard's file is the one that its record speaks of: by its time if left alone, else by its bytes."""

import os
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b, file_digest
from pathlib import Path

from ..errors import ShardError
from ..files import write_atomic
from ..keys import KEY_BYTES, sealed
from ..locks import try_locked
from ..shards.reading import ShardReader
from ..shards.records import Record, read_record_document
from ..shards.specs import ArraySpec
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
    gets the recorded time back. What a record of an older harcache lacks is found out then, and written into it.
    """
    path = cache.shard(record.key)
    found = path.stat()
    older = record.checksums is None
    if (found.st_size, found.st_mtime_ns) == (record.size, record.mtime_ns) and not older:
        return record
    if (found.st_size, digest_of_file(path)) != (record.size, record.digest):
        raise ShardError(
            f"shard {path} of array {record.spec.name!r}: its content is not what its record says"
        )
    if record.mtime_ns is None or older:
        return _completed(cache, record)
    with suppress(PermissionError):  # another's: read again the next time
        os.utime(path, ns=(found.st_atime_ns, record.mtime_ns))
    return record


def checksums_of(path: Path, spec: ArraySpec, rows_per_shard: int) -> bytes:
    """The table of a shard's checksums, by the shard itself: of one that was just proven."""
    reader = ShardReader(path, spec, rows_per_shard)
    try:
        return reader.checksums()
    finally:
        reader.close()


def digest_of_file(path: Path) -> str:
    """blake2b-160 of a file."""
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=KEY_BYTES)).hexdigest()


def _completed(cache: Cache, record: Record) -> Record:
    """The record with its shard's checksums and time; on the disk too, unless somebody is at it, or it is another's."""
    path = cache.shard(record.key)
    table = checksums_of(path, record.spec, record.rows_per_shard)
    whole = replace(record, checksums=table, mtime_ns=settled(path))
    with try_locked(cache.lock(record.key)) as free:
        if free:
            document = read_record_document(cache.record(record.key))
            document |= {"mtime_ns": whole.mtime_ns, "checksums": b64encode(table).decode("ascii")}
            document.pop("seal", None)
            with suppress(PermissionError):
                write_atomic(cache.record(record.key), sealed(document))
    return whole
