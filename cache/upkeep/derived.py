"""Results computed from rows that turn out to be others, found by the records; they are computed anew.

Builds prove every row before they copy or read it, and say so in what they record. What was recorded before they did
may have been made of another shard's rows; where one is found to hold those, all that the records say came of it goes,
and what came of that, proven or not: it was proven against a record that was wrong itself.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ShardError, StoreError
from ..home.home import Cache
from ..home.proof import digest_of_file
from ..shards.records import PROVEN, read_record_document
from ..shards.specs import ArraySpec
from ..store.described import Part
from ..store.parts import damaged_rows, read_parts
from .faults import Fault, Verified

_KEY = re.compile(r"[0-9a-f]{40}")
_SHARD = "made of rows of a shard that held another's, before builds proved what they read"
_BLOB = "learned from rows that were another's, before trainings proved what they read"

Strays = Mapping[str, Collection[str]]
"""Key of a shard that holds another's rows, to the keys of the rows that it should hold."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One shard's record, or one blob's, as the search looks at it."""

    fault: Fault
    proven: bool
    rows: Mapping[str, Any]
    """Row key to all that the row was made of; of a blob, "" to its document."""
    blob: Path | None = None

    def made_of(self, identifiers: Collection[str]) -> list[str]:
        """Keys of the rows that name one of the identifiers."""
        return [key for key, docs in self.rows.items() if any(text in identifiers for text in _strings(docs))]

    def identifiers(self, row_keys: Iterable[str]) -> set[str]:
        """Keys, or weights' digests, by which what was made of these rows names them."""
        return set(row_keys) if self.blob is None else _weights(self.blob)


def derived_faults(cache: Cache, faults: Collection[Fault], strays: Strays) -> list[Fault]:
    """Results that can't be trusted though their bytes are whole, each as a fault of its shard or blob.

    They are computed, by the records, from shards that hold other rows than their own: those among `faults`, those in
    damaged/ since an earlier repair or build, and `strays`, which were found in stores.
    """
    strays = {**_strays(cache, faults), **strays}
    identifiers = {one for key, rows in strays.items() for one in (key, *rows)}
    records = dict([*_records(cache), *_blobs(cache)]) if identifiers else {}
    found: dict[str, Fault] = {}
    first = True
    while identifiers:
        more = {
            name: record.made_of(identifiers) for name, record in records.items()
            if name not in found and name not in strays and not (first and record.proven)
        }  # fmt: skip
        more = {name: rows for name, rows in more.items() if rows}
        found |= {name: records[name].fault for name in more}
        identifiers = {one for name, rows in more.items() for one in (name, *records[name].identifiers(rows))}
        first = False
    named = {fault.place for fault in faults}
    return [found[name] for name in sorted(found) if found[name].place not in named]


def strays_in(verified: Verified) -> dict[str, list[str]]:
    """Shards of a store that was verified that hold another shard's rows."""
    places = {fault.place for fault in verified.faults}
    found: dict[str, list[str]] = {}
    if not places:
        return found
    try:
        parts = read_parts(verified.folder)
        for array, part in parts.arrays.items():
            keys = parts.row_keys(array)
            for block in parts.blocks(array):
                path, span = verified.folder / part.shard(block), parts.span(array, block)
                if part.shard(block) in places and path.exists() and not damaged_rows(path, part)[1]:
                    found[parts.shard_key(array, block)] = [k for k in keys[span.start : span.stop] if k]
    except (StoreError, ShardError, OSError, ValueError, KeyError):
        return found  # what describes the store is damaged too
    return found


def _strays(cache: Cache, faults: Iterable[Fault]) -> dict[str, Sequence[str]]:
    names = {fault.place.rpartition("/")[2] for fault in faults if fault.place.startswith("shards/")}
    places = [(cache.shard(name), cache.record(name)) for name in sorted(names) if _KEY.fullmatch(name)]
    aside = [path for path in sorted((cache.root / "damaged").glob("*")) if _KEY.fullmatch(path.name)]
    places += [(path, path.with_suffix(".json")) for path in aside]
    found: dict[str, Sequence[str]] = {path.name: () for path in aside if path.is_file()}
    for shard, record in places:
        rows = _rows_of_stray(shard, record) if record.exists() else None
        if record.exists():
            found.pop(shard.name, None)
        if rows is not None:
            found[shard.name] = rows
    return found


def _rows_of_stray(shard: Path, record: Path) -> list[str] | None:
    """Its rows' keys where its content is another shard's; a flipped byte was found by whoever read it, at any time."""
    try:
        document = read_record_document(record)
        part = Part(ArraySpec.from_document(document["spec"]), document["rows_per_shard"], {})
        if digest_of_file(shard) == document["digest"] or damaged_rows(shard, part)[1]:
            return None
        return [row["key"] for row in document["rows"] if row is not None]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # nothing can have been made of it, or nothing tells


def _records(cache: Cache) -> Iterator[tuple[str, _Found]]:
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        try:
            document = read_record_document(path)
            rows = [row for row in document["rows"] if row is not None]
            place = cache.shard(path.stem).relative_to(cache.root).as_posix()
            fault = Fault(place, _SHARD, document["spec"]["array"], tuple(row["id"] for row in rows))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged record, told as such
        made_of = {row["key"]: (document["common"], row["doc"], row.get("copied_from")) for row in rows}
        yield path.stem, _Found(fault, bool(document.get(PROVEN)), made_of)


def _blobs(cache: Cache) -> Iterator[tuple[str, _Found]]:
    for path in sorted((cache.root / "blobs").glob("*/*/record.json")):
        try:
            document = json.loads(path.read_bytes())
            fault = Fault(path.parent.relative_to(cache.root).as_posix(), _BLOB)
            yield (
                path.parent.name,
                _Found(fault, bool(document.get(PROVEN)), {"": document["doc"]}, path.parent),
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue  # damaged, and told as such


def _weights(folder: Path) -> set[str]:
    """By which later documents name a blob's files."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def _strings(document: Any) -> Iterable[str]:
    """Every string in it."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for inner in document.values():
            yield from _strings(inner)
    elif isinstance(document, list | tuple):
        for inner in document:
            yield from _strings(inner)
