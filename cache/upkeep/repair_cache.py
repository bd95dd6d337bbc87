"""Repair of a cache: damaged files are set aside, good rows salvaged, documents written again."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from ..errors import ShardError
from ..files import remove
from ..home.home import Cache
from ..home.sealed_database import SealedDatabase
from ..locks import locked
from ..mount_check import MARK, renew_mark
from ..shards.documents import documents_bytes, documents_from, write_documents
from ..shards.records import PROVEN, read_record_document
from ..shards.specs import ArraySpec
from ..shards.spelled import spelled_docs
from ..store.described import Part
from .derived import Strays
from .faults import Fault, Hashes
from .salvage import salvage
from .verify_cache import verify_cache
from .withdrawal import note_derived


@dataclass
class RepairedCache:
    """Result of a cache's repair; what was set aside returns with the next build, or from a store."""

    root: Path
    set_aside: list[str] = field(default_factory=list)
    """Damaged shards, blobs and row orders, and files that are none of the cache's: now in damaged/."""
    salvaged: list[str] = field(default_factory=list)
    """Shards that hold the good rows of those set aside."""
    rewritten: list[str] = field(default_factory=list)
    """Documents written again from their records."""
    renewed: list[str] = field(default_factory=list)
    """Helps made anew: the mark, an index, a host's remembered digests, an answer."""

    derived: frozenset[str] = frozenset()
    """Keys of the shards and blobs among those set aside that were whole, but made of rows that were not."""

    def __str__(self) -> str:
        lines = [
            f"{self.root}: {len(self.set_aside)} set aside, {len(self.salvaged)} salvaged in part, "
            f"{len(self.rewritten)} documents written again, {len(self.renewed)} helps made anew"
        ]
        lines += [f"  set aside: {place}" for place in self.set_aside]
        return "\n".join([*lines, *(f"  made anew: {place}" for place in self.renewed)])


def repair_cache(
    cache: Cache, hashes: Hashes | None = None, strays: Strays = MappingProxyType({})
) -> RepairedCache:
    """Verify all of the cache and take what is damaged out of use, so that nothing is built upon it.

    hashes, strays: see `verify_cache`.
    """
    done, verified = RepairedCache(cache.root), verify_cache(cache, hashes, strays)
    done.derived = verified.derived
    note_derived(cache, verified)
    for fault in verified.faults:
        kind, name = PurePosixPath(fault.place).parts[0], PurePosixPath(fault.place).name
        key = name.split(".")[0]
        if kind in (MARK, "index", "digests", "answers", "row_keys"):
            _renew(cache, kind, cache.root / fault.place)
            done.renewed.append(str(fault))
        elif (
            kind != "shards"
            or name not in (key, f"{key}.json", f"{key}.documents")
            or not cache.record(key).exists()
        ):
            _move(cache, fault, done)
        elif name.endswith(".documents"):
            _write_documents(cache, key, done)
        else:
            _set_aside(cache, key, fault, done)
    return done


def _renew(cache: Cache, kind: str, path: Path) -> None:
    if kind == MARK:
        renew_mark(cache.root)
    elif kind in ("answers", "row_keys"):
        remove(path)
    else:  # the next build fills it
        SealedDatabase(path.with_suffix(".sqlite")).remove()


def _write_documents(cache: Cache, key: str, done: RepairedCache) -> None:
    """From the record, which says the same."""
    made_of = documents_from(read_record_document(cache.record(key)))
    data = documents_bytes(
        key,
        made_of.spec,
        made_of.rows_per_shard,
        spelled_docs(made_of.docs),
        made_of.failures,
        made_of.checksums,
    )
    with locked(cache.lock(key)):
        write_documents(cache.documents(key), data)
    done.rewritten.append(key)


def _set_aside(cache: Cache, key: str, fault: Fault, done: RepairedCache) -> None:
    try:
        document = read_record_document(cache.record(key))
        made_of = documents_from(document)
        part = Part(ArraySpec.from_document(document["spec"]), made_of.rows_per_shard, {})
        ids = [None if row is None else row["id"] for row in document["rows"]]
        kept = (
            salvage(cache, part, made_of, cache.shard(key), ids, proven=bool(document.get(PROVEN)))
            if made_of.key == key
            else None
        )
    except (ShardError, ValueError, KeyError, TypeError, AttributeError):
        kept = None  # the record is what is damaged: nothing says what the rows are
    if kept is not None:
        done.salvaged.append(kept)
    cache.set_aside(key, str(fault))
    done.set_aside.append(str(fault))


def _move(cache: Cache, fault: Fault, done: RepairedCache) -> None:
    target = cache.root / "damaged" / fault.place.replace("/", "-")
    target.parent.mkdir(exist_ok=True)
    remove(target)
    (cache.root / fault.place).replace(target)
    done.set_aside.append(str(fault))
