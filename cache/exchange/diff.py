"""Comparison of two stores: their rows, the documents behind them, and the contents of rows with equal keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..keys import JSON
from ..layout import LAYOUT
from ..store.parts import Parts, read_parts
from ..store.store import Store, open_store
from ..upkeep.why import Difference, differences
from .diff_contents import ContentDiff, content_diff

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """Rows whose documents differ in the same places."""

    array: str
    differences: tuple[Difference, ...]
    """Differences of the first of these rows."""
    rows: tuple[str, ...]

    def __str__(self) -> str:
        listed = ", ".join(map(str, self.differences))
        return f"{self.array}: {listed} ({_several(self.rows)})"


@dataclass(frozen=True, slots=True)
class StoreDiff:
    """Every difference between two stores."""

    a: Path
    b: Path
    only_a: tuple[str, ...]
    """Ids of rows in one store only."""
    only_b: tuple[str, ...]
    attributes: tuple[Difference, ...]
    """Differences of the stores' cards."""
    layout: tuple[Difference, ...]
    """Differences of the arrays: which there are, their shapes, chunks and codecs."""
    recipes: tuple[Difference, ...]
    """Differences of what all rows of an array share: parameters, weights, versions."""
    reasons: tuple[Reason, ...]
    """Reasons why rows in both stores have different keys."""
    contents: tuple[ContentDiff, ...]
    """Contents of rows in both stores with equal keys, by array."""
    coordinates: tuple[tuple[str, tuple[str, ...]], ...]
    """Name to the ids of rows in both whose values differ; none where only one has it."""
    same_order: bool
    """Whether the rows in both stand in the same order."""

    @property
    def agrees(self) -> bool:
        """Whether the same rows hold the same, made of the same; their order may differ."""
        unequal = (self.only_a, self.only_b, self.attributes, self.layout, self.recipes, self.reasons)
        return not any((*unequal, self.coordinates)) and all(found.agrees for found in self.contents)

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 where the stores differ, as of the program `diff`."""
        return int(not self.agrees)

    def __str__(self) -> str:
        lines = [f"only in {self.a}: {_several(self.only_a)}"] if self.only_a else []
        lines += [f"only in {self.b}: {_several(self.only_b)}"] if self.only_b else []
        lines += [f"card: {found}" for found in self.attributes]
        lines += [f"layout: {found}" for found in self.layout]
        lines += [f"made of: {found}" for found in self.recipes]
        lines += [f"made of, {reason}" for reason in self.reasons]
        lines += [f"content, {found}" for found in self.contents if not found.agrees]
        lines += [f"coordinate {name}: {_several(rows) or 'only in one'}" for name, rows in self.coordinates]
        if not self.agrees:
            return "\n".join(lines)
        rows = sum(found.compared for found in self.contents)
        order = "" if self.same_order else "; the rows' order differs"
        return f"{self.a} and {self.b} agree: {rows} rows of {len(self.contents)} arrays compared{order}"

    def document(self) -> dict[str, JSON]:
        """Return it as JSON; each difference is {"place", "before", "now"}: in a, in b."""
        found: dict[str, Any] = asdict(self)
        found |= {"a": str(self.a), "b": str(self.b), "agrees": self.agrees}
        found["coordinates"] = {name: list(rows) for name, rows in self.coordinates}
        return found


def diff_stores(a: Path, b: Path) -> StoreDiff:
    """Compare two stores in folders. Rows that share a shard, or whose shards have one digest, are not read."""
    stores, parts = (open_store(a), open_store(b)), (read_parts(Path(a)), read_parts(Path(b)))
    try:
        return _diff(stores, parts)
    finally:
        for store in stores:
            store.close()


def _diff(stores: tuple[Store, Store], parts: tuple[Parts, Parts]) -> StoreDiff:
    (one, other), (mine, theirs) = stores, parts
    both = [row_id for row_id in one.ids if row_id in other.row_of]
    comparable = [
        name for name in one.arrays if name in other.arrays and _shape(one, name) == _shape(other, name)
    ]
    return StoreDiff(
        a=one.path,
        b=other.path,
        only_a=tuple(row_id for row_id in one.ids if row_id not in other.row_of),
        only_b=tuple(row_id for row_id in other.ids if row_id not in one.row_of),
        attributes=tuple(differences(one.attrs, other.attrs)),
        layout=tuple(differences(_layout(mine), _layout(theirs))),
        recipes=tuple(differences(mine.attrs[LAYOUT]["made_of"], theirs.attrs[LAYOUT]["made_of"])),
        reasons=tuple(
            reason
            for name in one.arrays
            if name in other.arrays
            for reason in reasons(stores, parts, name, both)
        ),
        contents=tuple(content_diff(stores, parts, name, both) for name in comparable),
        coordinates=tuple(_coordinates(stores, parts, both)),
        same_order=both == [row_id for row_id in other.ids if row_id in one.row_of],
    )


def reasons(
    stores: tuple[Store, Store], parts: tuple[Parts, Parts], array: str, both: list[str]
) -> list[Reason]:
    """Why keys differ, rows with the same places together; a row that only one store made says so."""
    one, other = (store.keys(array) for store in stores)
    unlike = [row_id for row_id in both if one.get(row_id) != other.get(row_id)]
    before, now = (documents_of(part, array, unlike) for part in parts)
    shared = {found.place for found in _shared(parts, array)}
    grouped: dict[tuple[str, ...], tuple[tuple[Difference, ...], list[str]]] = {}
    for row_id in unlike:
        found = tuple(differences(before.get(row_id), now.get(row_id)))
        found = tuple(each for each in found if each.place not in shared) or found
        grouped.setdefault(tuple(each.place for each in found), (found, []))[1].append(row_id)
    return [Reason(array, found, tuple(rows)) for found, rows in grouped.values()]


def documents_of(parts: Parts, array: str, ids: list[str]) -> dict[str, JSON]:
    """Return id → document for those of `ids` that have one; only their blocks are read."""
    row_of = {row_id: row for row, row_id in enumerate(parts.ids()) if row_id is not None}
    step = parts.arrays[array].rows_per_shard
    blocks: dict[int, list[str]] = {}
    for row_id in ids:
        blocks.setdefault(row_of[row_id] // step, []).append(row_id)
    found: dict[str, JSON] = {}
    for block, wanted in sorted(blocks.items()):
        docs = parts.documents(array, block).docs
        found |= {row_id: docs[row_of[row_id] % step] for row_id in wanted}
    return {row_id: doc for row_id, doc in found.items() if doc is not None}


def layout_of(parts: Parts, array: str) -> dict[str, JSON]:
    """Return an array's spec with the number of rows a shard, as JSON."""
    part = parts.arrays[array]
    return {**part.spec.document(), "rows_per_shard": part.rows_per_shard}


def _layout(parts: Parts) -> dict[str, JSON]:
    return {name: layout_of(parts, name) for name in sorted(parts.arrays)}


def _shape(store: Store, array: str) -> tuple[object, ...]:
    spec = store.spec(array)
    return spec.dtype, spec.row_shape


def _shared(parts: tuple[Parts, Parts], array: str) -> list[Difference]:
    """What is told of the array as a whole already."""
    mine, theirs = (part.attrs[LAYOUT]["made_of"].get(array) for part in parts)
    return differences(mine, theirs)


def _coordinates(
    stores: tuple[Store, Store], parts: tuple[Parts, Parts], both: list[str]
) -> list[tuple[str, tuple[str, ...]]]:
    names = [set(part.coords) - {"key", f"{part.row_dim}_id"} for part in parts]
    found: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        unlike = coordinate_conflicts(stores, name, both)
        if unlike:
            found.append((name, unlike))
    return found


def coordinate_conflicts(stores: tuple[Store, Store], name: str, both: list[str]) -> tuple[str, ...]:
    """Ids of rows in both whose coordinate differs."""
    values: list[Mapping[str, Any]] = [
        dict(zip(store.ids, store.coord(name), strict=True)) for store in stores
    ]
    return tuple(
        row_id for row_id in both
        if not np.array_equal(values[0][row_id], values[1][row_id], equal_nan=values[0][row_id].dtype.kind == "f")
    )  # fmt: skip


def _several(rows: tuple[str, ...]) -> str:
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"{len(rows)} rows: {', '.join(rows[:_SHOWN])}{more}" if rows else ""
