"""Salvage: the rows of a damaged shard whose checksums still hold become a shard of their own, under their keys."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import sync_folder, write_atomic
from ..home.home import Cache
from ..home.proof import settled
from ..locks import locked
from ..shards.documents import Documents
from ..shards.reading import ShardReader
from ..shards.records import record_document
from ..shards.specs import shard_key
from ..shards.spelled import spelled_docs
from ..shards.writing import ShardWriter
from ..store.described import Part
from ..store.parts import damaged_rows

log = logging.getLogger(__name__)


def salvage(
    cache: Cache, part: Part, made_of: Documents, path: Path, ids: Sequence[str | None], *, proven: bool
) -> str | None:
    """Keep what is good of the shard at `path`, so that a build copies it and computes the rest.

    proven: what the shard's record, or the like of it, says of what its rows were made of.

    Gives the new shard's key; None where there is nothing to keep, or where every checksum holds: the file
    is then another shard's, and its rows are not those that the documents speak of.
    """
    if not path.exists():
        return None
    _, bad = damaged_rows(path, part, made_of.checksums)
    keys = tuple(None if row in bad else key for row, key in enumerate(made_of.row_keys))
    if not bad or not any(keys):
        return None
    key = shard_key(part.spec, part.rows_per_shard, keys)
    with locked(cache.lock(key)):
        if not cache.holds(key):
            _write(cache, key, part, made_of, path, ids, keys, proven=proven)
            log.info("%d rows of %s salvaged as shard %s", sum(k is not None for k in keys), path, key)
    return key


def _write(
    cache: Cache, key: str, part: Part, made_of: Documents, path: Path, ids: Sequence[str | None],
    keys: Sequence[str | None], *, proven: bool,
) -> None:  # fmt: skip
    aside = cache.shard(key).with_suffix(".tmp")
    reader = ShardReader(path, part.spec, part.rows_per_shard)
    writer = ShardWriter(aside, part.spec, part.rows_per_shard)
    row = np.empty((1, *part.spec.row_shape), part.spec.stored)
    try:
        for number, row_key in enumerate(keys):
            if row_key is None:
                writer.write(None)
                continue
            reader.read_into(row, [0], [number])
            writer.write(row[0])
        size, digest = writer.close()
    except BaseException:
        writer.abort()
        raise
    finally:
        reader.close()
    aside.chmod(0o444)
    record = record_document(
        key=key, spec=part.spec, rows_per_shard=part.rows_per_shard, size=size, digest=digest,
        checksums=writer.checksums,
        ids=[None if row_key is None else row_id for row_id, row_key in zip(ids, keys, strict=True)],
        row_keys=keys,
        docs=spelled_docs([None if row_key is None else doc for doc, row_key in zip(made_of.docs, keys, strict=True)]),
        failures={row: why for row, why in made_of.failures.items() if keys[row] is not None},
        copied_from={}, mtime_ns=settled(aside), seconds=0.0, made_with={"salvaged": True}, proven=proven,
    )  # fmt: skip
    aside.rename(cache.shard(key))
    sync_folder(aside.parent)
    write_atomic(cache.record(key), record)
