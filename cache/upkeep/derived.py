"""Results computed from rows that turn out to be others, found by the records; they are computed anew.

Builds prove every row before they copy or read it, and say so in what they record. What was recorded
before they did
may have been made of another shard's rows; where one is found to hold those, all that the records say came
of it goes.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..home.home import Cache
from ..shards.records import PROVEN, read_record_document
from ..shards.specs import ArraySpec
from ..store.described import Part
from ..store.parts import damaged_rows
from .faults import Fault

_KEY = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Derived:
    """Keys of what can't be trusted, though its own bytes are whole."""

    shards: frozenset[str]
    blobs: frozenset[str]


def derived_from(cache: Cache, faults: Collection[Fault]) -> Derived:
    """Find results computed, by the records, from shards that hold other rows than their own.

    These shards are those among `faults`, and those in damaged/ since an earlier repair.
    """
    names = [fault.place.rpartition("/")[2] for fault in faults if fault.place.startswith("shards/")]
    exchanged = {name for name in names if _KEY.fullmatch(name) and _exchanged(cache, name)}
    aside = {path.name for path in (cache.root / "damaged").glob("*") if _KEY.fullmatch(path.name)}
    unproven = {key: found for key, found in _records(cache) if key in exchanged or not found.get(PROVEN)}
    if not exchanged | aside or not unproven:
        return Derived(frozenset(), frozenset())
    bad_shards, bad_words = (
        exchanged | aside,
        {row["key"] for key in exchanged for row in _rows(unproven[key])},
    )
    shards: set[str] = set()
    blobs: set[str] = set()
    while True:
        more = {
            key: [row["key"] for row in rows]
            for key, found in unproven.items()
            if key not in bad_shards and (rows := _made_of(found, bad_shards, bad_words))
        }
        learned = {
            folder: _weights(folder) for folder in _blobs(cache, bad_words) if folder.name not in blobs
        }
        if not more and not learned:
            return Derived(frozenset(shards), frozenset(blobs))
        shards |= more.keys()
        bad_shards |= more.keys()
        blobs |= {folder.name for folder in learned}
        bad_words |= {key for keys in more.values() for key in keys}
        bad_words |= {word for words in learned.values() for word in words}


def _exchanged(cache: Cache, key: str) -> bool:
    """Whether its content is another shard's: a flipped byte was found by whoever read it, at any time."""
    try:
        found = read_record_document(cache.record(key))
        part = Part(ArraySpec.from_document(found["spec"]), found["rows_per_shard"], {})
        return not damaged_rows(cache.shard(key), part)[1]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # nothing can have been made of it, or nothing tells


def _records(cache: Cache) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        try:
            yield path.stem, read_record_document(path)
        except (OSError, ValueError):
            continue  # a damaged record, told as such


def _rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [row for row in record["rows"] if row is not None]


def _made_of(
    record: Mapping[str, Any], shards: Collection[str], words: Collection[str]
) -> list[dict[str, Any]]:
    """Its rows that were copied from these shards, or whose documents name these words."""
    if any(word in words for word in _words(record["common"])):
        return _rows(record)
    return [
        row for row in _rows(record)
        if row.get("copied_from") in shards or any(word in words for word in _words(row["doc"]))
    ]  # fmt: skip


def _blobs(cache: Cache, words: Collection[str]) -> Iterator[Path]:
    """Folders of what was learned from these words, before its inputs were proven."""
    for path in sorted((cache.root / "blobs").glob("*/*/record.json")):
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue  # damaged, and told as such
        if not found.get(PROVEN) and any(word in words for word in _words(found.get("doc"))):
            yield path.parent


def _weights(folder: Path) -> set[str]:
    """By which later documents name its files."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def _words(document: Any) -> Iterable[str]:
    """Every string in it."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for inner in document.values():
            yield from _words(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from _words(inner)
