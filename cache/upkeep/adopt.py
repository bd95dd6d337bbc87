"""Adopting: the shards of a store that came from elsewhere become the cache's own, after every byte was checked."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..files import full_disk_explained, link_or_copy, sync_folder, write_atomic
from ..home.home import Cache
from ..home.proof import checksums_of, settled
from ..home.references import remember_use
from ..home.row_order import read_order, write_order
from ..locks import Shared, locked
from ..mount_check import mark, mounted
from ..shards.documents import Documents
from ..shards.records import record_document
from ..shards.spelled import spelled_docs
from ..store.manifest import read_manifest
from ..store.parts import Parts, read_parts
from .faults import Fault, Hashes
from .verify import verify_store
from .withdrawal import refuse_withdrawn

_WRITABLE = 0o222
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Adopted:
    """Result of an adoption."""

    store: Path
    taken: int
    """Number of shards that the cache did not have."""
    known: int
    """Number of shards that it had already."""
    bytes: int
    """Bytes of the shards taken; hard links where the file system has them."""
    ordered: bool
    """Whether the rows' order was taken too: the next build of this store then keeps every row in its place."""

    def __str__(self) -> str:
        order = ", and the order of its rows" if self.ordered else ""
        return f"{self.store}: {self.taken} shards taken ({self.bytes:,} bytes), {self.known} known already{order}"


def adopt_store(folder: Path, cache: Cache, name: str | None = None, hashes: Hashes | None = None) -> Adopted:
    """Verify the whole store, then link its shards into the cache, each with a record made of its documents.

    name: the store's name in builds (as "demo/frames"), under which its row order is kept, unless there is
    one already. Raises StoreError where one byte is not as published, documents don't give the keys, or the
    cache has withdrawn what a shard holds: nothing is taken then.
    """
    folder = Path(folder)
    hashes = hashes or Hashes()
    verified = verify_store(folder, hashes)
    if verified.faults:
        raise StoreError(
            f"store {folder} is not adopted: {_listed(verified.faults)}. Fetch it again, or mend it: "
            f"python cli.py cache repair {folder}"
        )
    refuse_withdrawn(cache, folder)
    mark(cache.root)
    with mounted(cache.root):
        at_work = Shared(cache.in_use)
        done = _adopted(read_parts(folder), cache, name, hashes)
        at_work.release()
    return done


def _adopted(parts: Parts, cache: Cache, name: str | None, hashes: Hashes) -> Adopted:
    files, ids = read_manifest(parts.folder).files, parts.ids()
    keys: list[str] = []
    taken = known = size = 0
    for array, part in sorted(parts.arrays.items()):
        for block in parts.blocks(array):
            facts = files[part.shard(block)]
            keys.append(parts.documents(array, block).key)
            if adopt_shard(parts, array, block, cache, ids, facts.digest, hashes):
                taken, size = taken + 1, size + facts.size
            else:
                known += 1
    ordered = name is not None and _keep_order(cache, name, ids)
    if not parts.folder.is_relative_to(cache.root):  # else it is links to another copy, gone in a moment
        remember_use(cache, parts.folder, shards=keys)
    return Adopted(parts.folder, taken, known, size, ordered)


def adopt_shard(
    parts: Parts, array: str, block: int, cache: Cache, ids: tuple[str | None, ...], digest: str,
    hashes: Hashes,
) -> bool:  # fmt: skip
    """Take one block's shard and documents; False where the cache has that shard.

    hashes: knows the shard's digest where it was verified just now, and reads it again where it was touched since.
    """
    part, documents = parts.arrays[array], parts.documents(array, block)
    key = documents.key
    with locked(cache.lock(key)):
        if cache.holds(key):
            return False
        with full_disk_explained(cache.shard(key), f"shard {key}"):
            _take(parts.folder / part.shard(block), cache.shard(key))
            _take(parts.folder / part.documents(block), cache.documents(key))
            sync_folder(cache.shard(key).parent)
        if hashes.of(cache.shard(key))[1] != digest:
            raise StoreError(
                f"{parts.folder / part.shard(block)} changed while it was adopted: nothing of it is"
            )
        span = parts.span(array, block)
        record = _record(parts, array, documents, ids[span.start : span.stop], digest, cache.shard(key))
        write_atomic(cache.record(key), record)
    return True


def _record(
    parts: Parts, array: str, documents: Documents, ids: tuple[str | None, ...], digest: str, shard: Path
) -> bytes:
    """What is known of a shard that was made elsewhere: not when, nor in how long; who keeps tables proves rows."""
    spec = parts.arrays[array].spec
    checksums = documents.checksums or checksums_of(shard, spec, documents.rows_per_shard)
    return record_document(
        key=documents.key, spec=spec, rows_per_shard=documents.rows_per_shard, size=shard.stat().st_size,
        digest=digest, checksums=checksums, ids=ids, row_keys=documents.row_keys,
        docs=spelled_docs(documents.docs),
        failures=documents.failures, copied_from={}, mtime_ns=settled(shard), seconds=0.0, made_with={"adopted": True},
        proven=documents.checksums is not None,
    )  # fmt: skip


def _take(source: Path, target: Path) -> None:
    """A read-only link under the cache's name, or a copy where the file can't be had so."""
    aside = target.with_name(f"{target.name}.tmp")
    aside.unlink(missing_ok=True)
    link_or_copy(source, aside)
    try:
        if aside.stat().st_mode & _WRITABLE:
            aside.chmod(0o444)
    except PermissionError:  # another's file, that others may write to: a link would not stay what it is
        aside.unlink()
        shutil.copyfile(source, aside)
        aside.chmod(0o444)
    aside.rename(target)


def _keep_order(cache: Cache, name: str, ids: tuple[str | None, ...]) -> bool:
    path = cache.order(name)
    with locked(path.with_suffix(".lock")):
        if read_order(path) is not None:
            return False
        write_order(path, ids)
    return True


def _listed(faults: tuple[Fault, ...]) -> str:
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(str(fault) for fault in faults[:_SHOWN]) + more
