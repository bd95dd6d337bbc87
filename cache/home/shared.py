"""A lab's shared cache below one's own: only read. What it holds is taken over once its bytes have been digested.

Nothing is written there: no lock, no index, no time of a file. A file is linked where a link cannot change it, else
copied; whatever is wrong with it, it counts as not there, and is made at home.
"""

import errno
import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..errors import ShardError, UnreachableError
from ..files import full_disk_explained, link_or_copy, sync_folder, write_atomic
from ..keys import JSON, key_of
from ..locks import locked
from ..mount_check import MARK
from ..shards.records import Record, read_record
from .home import Cache, log
from .proof import digest_of_file
from .withdrawn import Withdrawn, undamaged_notes

_WRITABLE = 0o222


@dataclass(frozen=True)
class SharedCache(Cache):
    """A cache of others."""

    def set_aside(self, key: str, why: str) -> None:
        """Only say so: who owns the cache mends it."""
        log.warning("shard %s of the shared cache %s is left alone: %s", key, self.root, why)

    def sweep(self) -> dict[str, int]:
        """Each whole shard's size; what a killed writer left stays."""
        sizes: dict[str, int] = {}
        for folder in self._shard_folders():
            found = {entry.name: entry for entry in os.scandir(folder)}
            sizes |= {key: found[key].stat().st_size for key in found if f"{key}.json" in found}
        return sizes


def shared_below(cache: Cache) -> SharedCache | None:
    """The cache that is shared below this one, if any. Raises UnreachableError where it is named and not there."""
    if cache.shared is None:
        return None
    shared = SharedCache(cache.shared)
    if not (shared.root / MARK).exists():
        raise UnreachableError(
            errno.ENOENT,
            f"HARCACHE_SHARED names {shared.root}, where no cache is: mount it, or unset it to do without",
            str(shared.root / MARK),
        )
    return shared


def take_blob(cache: Cache, doc: JSON) -> None:
    """Make one's own what the shared cache has learned from `doc`, if anything, and it is whole and not withdrawn."""
    shared, key = shared_below(cache), key_of(doc)
    if shared is None or cache.blobs.folder(key).exists() or not shared.blobs.folder(key).exists():
        return
    folder = shared.blobs.folder(key)
    try:
        contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    except OSError as error:
        log.warning("blob %s of the shared cache is left alone: %s", folder, error)
        return
    withdrawn = undamaged_notes(cache)
    if any(withdrawn.by(key, sha256(data).hexdigest()) for data in contents.values()):
        log.warning("blob %s of the shared cache is left alone: it was withdrawn here", folder)
    elif not cache.blobs.take(key, contents):
        log.warning("blob %s of the shared cache is left alone: it is damaged", folder)


def take_shard(shared: SharedCache, key: str, cache: Cache, withdrawn: Withdrawn) -> bool:
    """Make one's own what the shared cache holds under a key; False where that is nothing, damaged or withdrawn."""
    with locked(cache.lock(key)):
        if cache.holds(key):
            return True
        try:
            record = read_record(shared.record(key))
            _refuse(record, key, withdrawn)
            _take(shared.shard(key), record, cache.shard(key))
        except FileNotFoundError:
            return False
        except ShardError as error:
            shared.set_aside(key, str(error))
            return False
        write_atomic(cache.record(key), shared.record(key).read_bytes())
    return True


def _refuse(record: Record, key: str, withdrawn: Withdrawn) -> None:
    who = withdrawn.by(key, record.digest)
    if record.key != key or who is not None:
        raise ShardError(f"its record is that of {record.key}" if who is None else f"{who} withdrew it here")


def _take(source: Path, record: Record, target: Path) -> None:
    aside = target.with_name(f"{target.name}.tmp")
    aside.unlink(missing_ok=True)
    try:
        _link_or_copy(source, aside, record.mtime_ns if record.checksums is not None else None)
        if (aside.stat().st_size, digest_of_file(aside)) != (record.size, record.digest):
            raise ShardError("its content is not what its record says")
        aside.rename(target)
        sync_folder(target.parent)
    finally:
        aside.unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path, mtime_ns: int | None) -> None:
    """A link to a file that nobody may write and whose time is `mtime_ns`, which none of us then sets; else a copy."""
    found = source.stat()
    if found.st_mtime_ns == mtime_ns and not found.st_mode & _WRITABLE:
        link_or_copy(source, target)
    else:
        with full_disk_explained(target, f"a copy of {source.name}"):
            shutil.copyfile(source, target)
            with target.open("rb") as file:
                os.fsync(file.fileno())
    if target.stat().st_ino == found.st_ino:
        return
    target.chmod(0o444)
    if mtime_ns is not None:
        os.utime(target, ns=(found.st_atime_ns, mtime_ns))
