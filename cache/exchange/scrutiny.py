"""Everything that can be held against a stranger's store once its bytes are those of its manifest.

What can't be: whether rows truly are what their documents say. That only who made them can vouch for, by the
manifest's digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ArchiveError, ShardError, SpecError, StoreError
from ..keys import JSON, key_of
from ..layout import LAYOUT
from ..shards.reading import ShardReader
from ..shards.specs import Row
from ..shards.spelled import shared_by
from ..store.described import Part
from ..store.made import stated_made
from ..store.parts import Parts, read_parts
from ..store.store import open_store
from ..upkeep.faults import Hashes
from ..upkeep.verify import verify_store


def scrutinise(folder: Path, where: str, hashes: Hashes) -> int:
    """Check a store of unknown origin; return its number of rows. Raises ArchiveError with the first contradiction.

    where: what messages call the store, which may lie aside still.
    """
    try:
        store = open_store(folder)
        store.close()
        verified = verify_store(folder, hashes)
        if verified.faults:
            raise ArchiveError(f"{where}: {verified.faults[0]}")
        parts = read_parts(folder)
        rows = _Rows(parts.ids(), {array: parts.row_keys(array) for array in sorted(parts.arrays)})
        _refuse_rows(rows)
        for part in (*parts.arrays.values(), *parts.coords.values()):
            _refuse_chunks(parts, part)
        _refuse_card(parts, rows)
    except ArchiveError:
        raise
    except (StoreError, ShardError, SpecError) as error:
        raise ArchiveError(
            f"{where} is not to be trusted: {str(error).replace(str(folder), where)}"
        ) from error
    return len(store)


@dataclass(frozen=True, slots=True)
class _Rows:
    ids: tuple[str | None, ...]
    keys: Mapping[str, tuple[str | None, ...]]
    """Array to its rows' keys."""


def _refuse_rows(rows: _Rows) -> None:
    """Ids that name rows, keys where there are rows, and none in holes."""
    for number, row_id in enumerate(rows.ids):
        made = any(keys[number] is not None for keys in rows.keys.values())
        if row_id is None and made:
            raise ArchiveError(f"row {number} has a key and no id")
        if row_id is not None:
            Row(row_id, {})  # refuses what is no id


def _refuse_chunks(parts: Parts, part: Part) -> None:
    """Every chunk read as a reader will: within its shard, crc32c, and as large as the shape says."""
    for block in range(-(-parts.num_rows // part.rows_per_shard)):
        reader = ShardReader(parts.folder / part.shard(block), part.spec, part.rows_per_shard)
        try:
            for group in range(part.rows_per_shard // part.spec.chunk_rows):
                reader.group(group)
        finally:
            reader.close()


def _refuse_card(parts: Parts, rows: _Rows) -> None:
    """`made_of` and `failures`, which people read, against the documents, which keys are made of."""
    failed: set[tuple[str | None, str]] = set()
    for array in sorted(parts.arrays):
        docs: list[JSON] = []
        for block in parts.blocks(array):
            read, span = parts.documents(array, block), parts.span(array, block)
            docs += [doc for doc in read.docs if doc is not None]
            failed |= {(rows.ids[span[row]], array) for row in read.failures}
        if key_of(parts.attrs[LAYOUT]["made_of"].get(array)) != key_of(shared_by(docs)):
            raise ArchiveError(f"its card tells of another recipe for {array!r} than its documents do")
    _refuse_made(stated_made(parts.attrs[LAYOUT].get("made"), parts.num_rows), rows)
    stated = _card_failures(parts, rows)
    if stated != failed:
        row_id, array = min(stated ^ failed, key=str)
        raise ArchiveError(f"its card and its documents disagree whether {row_id!r} failed in {array!r}")


def _refuse_made(stated: Mapping[str, NDArray[np.bool_]] | None, rows: _Rows) -> None:
    """What it says of rows that were made, against their keys."""
    named = np.array([row_id is not None for row_id in rows.ids])
    for array, keys in rows.keys.items():
        made = np.array([key is not None for key in keys])
        if stated is not None and (stated.get(array, named) != made).any():
            raise ArchiveError(
                f"its description and its rows' keys disagree which rows {array!r} was made for"
            )


def _card_failures(parts: Parts, rows: _Rows) -> set[tuple[str | None, str]]:
    """(id, array); an entry without an array stands for all arrays that the row has."""
    number = {row_id: row for row, row_id in enumerate(rows.ids)}
    failed: set[tuple[str | None, str]] = set()
    for entry in parts.attrs["failures"]:
        having = [array for array, keys in rows.keys.items() if keys[number[entry["id"]]] is not None]
        failed |= {(entry["id"], array) for array in ([entry["array"]] if "array" in entry else having)}
    return failed
