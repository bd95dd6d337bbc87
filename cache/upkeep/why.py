"""Provenance of an entry: its document, who computed it and when; on a miss, the difference to the nearest entry."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ShardError
from ..home.home import Cache
from ..keys import JSON, key_of
from ..shards.documents import documents_from
from ..shards.records import RowFailure, read_record_document
from ..store.parts import Parts

_SHORT = 12
_DIGEST = 40
"""Strings of so many hex digits or more are digests; their start is enough to tell them apart."""


@dataclass(frozen=True, slots=True)
class RowProvenance:
    """Provenance of one row of one array: its document and, where the cache knows, by whom it was computed."""

    row_id: str
    array: str
    key: str
    doc: JSON
    failed: RowFailure | None = None
    record: Mapping[str, Any] | None = None
    """Facts from its shard's record: host, user, made_at, seconds, made_with, versions; None where unknown."""

    def lines(self, names: Mapping[str, str] | None = None) -> list[str]:
        """Readable: the key, each leaf of the document by its place, and how it came to be.

        names: key of another entry to what it is, shown where the document speaks of it.
        """
        head = f"{self.array} of {self.row_id}: key {self.key}"
        lines = [
            f"  {place}: {_shown(value)}{_named(names or {}, value)}" for place, value in leaves(self.doc)
        ]
        if self.failed is not None:
            lines.append(f"  failed: {self.failed.error}: {self.failed.message}")
        if self.record is not None:
            lines.append(f"  made: {_story(self.record)}")
        return [head, *lines]


@dataclass(frozen=True, slots=True)
class Difference:
    """One leaf in which two documents differ; None where one has no such leaf."""

    place: str
    before: JSON
    now: JSON

    def __str__(self) -> str:
        return f"{self.place} {_shown(self.before)} → {_shown(self.now)}"


def made_of(parts: Parts, array: str, row_id: str, cache: Cache | None = None) -> RowProvenance | None:
    """Return a store row's provenance from the documents that the store carries; None where there is no such row."""
    ids = parts.ids()
    if row_id not in ids:
        return None
    row = ids.index(row_id)
    block, within = divmod(row, parts.arrays[array].rows_per_shard)
    documents = parts.documents(array, block)
    key = documents.row_keys[within]
    if key is None:
        return None
    record = _record_of(cache, documents.key)
    return RowProvenance(row_id, array, key, documents.docs[within], documents.failures.get(within), record)


def entries(cache: Cache, array: str, row_id: str) -> Iterator[RowProvenance]:
    """Every entry of that row and array that the cache holds, whatever it was made of. Reads all records."""
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        if f'"{row_id}"'.encode() not in path.read_bytes():
            continue
        try:
            record = read_record_document(path)
        except ShardError:
            continue  # `verify` tells
        if record["spec"]["array"] != array:
            continue
        found = documents_from(record)
        for number, row in enumerate(record["rows"]):
            key = found.row_keys[number]
            if row is not None and row["id"] == row_id and key is not None:
                yield RowProvenance(
                    row_id, array, key, found.docs[number], found.failures.get(number), record
                )


def nearest(found: Iterator[RowProvenance], doc: JSON) -> tuple[RowProvenance, list[Difference]] | None:
    """The entry whose document differs least from `doc`, and how; None where there is none."""
    compared = [(made, differences(made.doc, doc)) for made in found]
    return min(compared, key=lambda pair: len(pair[1]), default=None)


def differences(before: JSON, now: JSON) -> list[Difference]:
    """Every leaf that differs, by its place: `params.size`, `inputs.source`, `runtime.av`."""
    old, new = dict(leaves(before)), dict(leaves(now))
    places = [*old, *(place for place in new if place not in old)]
    return [
        Difference(place, old.get(place), new.get(place))
        for place in places
        if key_of([old.get(place)]) != key_of([new.get(place)]) or (place in old) != (place in new)
    ]


def leaves(doc: JSON, place: str = "") -> list[tuple[str, JSON]]:
    """(place, value) of everything in a document that is no mapping; lists are leaves."""
    if not isinstance(doc, dict) or (not doc and place):
        return [(place or "$", doc)]
    return [
        leaf for name, value in doc.items() for leaf in leaves(value, f"{place}.{name}" if place else name)
    ]


def _record_of(cache: Cache | None, key: str) -> Mapping[str, Any] | None:
    if cache is None or not cache.record(key).exists():
        return None
    return read_record_document(cache.record(key))


def _story(record: Mapping[str, Any]) -> str:
    made_with: Mapping[str, Any] = record["made_with"]
    who = f"{record.get('user', 'somebody')}@{record['host']} {record['made_at']}"
    if made_with.get("adopted"):
        return f"elsewhere; adopted by {who}"
    how = ", ".join(f"{name} {value}" for name, value in {**record["versions"], **made_with}.items())
    rows = sum(row is not None for row in record["rows"])
    return f"{who}, a shard of {rows} rows in {record['seconds']:.1f} s, with {how}"


def _named(names: Mapping[str, str], value: JSON) -> str:
    return f" ({names[value]})" if isinstance(value, str) and value in names else ""


def _shown(value: JSON) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        digest = len(value) >= _DIGEST and all(letter in "0123456789abcdef" for letter in value)
        return f"{value[:_SHORT]}…" if digest else value
    return json.dumps(value)
