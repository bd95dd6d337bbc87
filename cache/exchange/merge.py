"""Merging stores that several labs made of one recipe: the union of their rows, nothing computed, nothing guessed.

Rows keep what they hold: shards are adopted into a cache of their own beside the result, and the union is built out of
it as any store is. The first store's rows keep their places (so its full shards are linked), the others' fill holes
and follow, sorted by id.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..build.build import Build
from ..build.write_block import ComputedRow, write_block
from ..errors import BuildError, MergeError, StoreError
from ..home.home import Cache
from ..home.row_order import write_order
from ..keys import JSON, canonical, key_of
from ..layout import KEYS
from ..locks import aside
from ..shards.specs import Row, StoreSpec
from ..store.parts import Parts, read_parts
from ..store.store import Store, open_store
from ..upkeep.adopt import adopt_store
from ..upkeep.why import Difference, differences
from .diff import Reason, coordinate_conflicts, documents_of, layout_of, reasons
from .diff_contents import content_diff

INPUTS = "inputs"
"""The part of a row's document that is each row's own; all else is the recipe."""
_NAME = "merged"
_SHOWN = 12
_SPELLING = "code.recipe"
"""Digest of a step's source: where the step's version is the same, its results are, however the source reads."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The store that was made."""

    path: Path
    rows: tuple[int, ...]
    """Number of rows of each store, in the order given."""
    total: int
    linked: int
    """Shards taken as they are."""
    written: int
    """Shards whose rows were copied together."""

    def __str__(self) -> str:
        parts = " + ".join(map(str, self.rows))
        return f"{self.path}: {self.total} rows from {parts}; {self.linked} shards linked, {self.written} put together"


def merge_stores(stores: Sequence[Path], out: Path) -> Merged:
    """Put the rows of two stores or more into one at `out`, each verified whole first.

    A row that several have must be made of the same and hold the same. Raises MergeError with every conflict named;
    nothing is written then.
    """
    out = Path(out)
    if len(stores) < 2:
        raise StoreError("merging takes two stores or more")
    opened, parts = [open_store(path) for path in stores], [read_parts(Path(path)) for path in stores]
    killed = any(out.parent.glob(f"{out.name}.merging*"))
    try:
        with aside(out, "merging") as place:
            if out.exists() and not (killed and _is_union(out, opened)):
                raise StoreError(f"{out} is there already: move it away first, or merge to another place")
            attrs, scratch = _agreed(opened, parts), Cache(place)
            for path in stores:
                adopt_store(Path(path), scratch)
            return _built(scratch, opened, parts, attrs, out)
    finally:
        for store in opened:
            store.close()


def _is_union(out: Path, stores: Sequence[Store]) -> bool:
    """Whether the store at `out` has the very rows that merging gives: a merge killed at its end left it, whole."""
    with closing(open_store(out)) as found:
        return all(
            found.keys(array) == {row: key for store in stores for row, key in store.keys(array).items()}
            for array in stores[0].arrays
        )


def _built(
    cache: Cache, stores: list[Store], parts: list[Parts], attrs: dict[str, JSON], out: Path
) -> Merged:
    first = parts[0]
    spec = StoreSpec(
        tuple(first.arrays[name].spec for name in first.coords[KEYS].attrs["arrays"]),
        next(iter(first.arrays.values())).rows_per_shard,
        first.row_dim,
    )
    write_order(cache.order(_NAME), first.ids())
    build = Build(cache, _NAME, spec, _rows(stores, parts))
    for task in build.tasks:
        write_block(cache.root, task, _nothing)
    build.finish(out, _coordinates(stores, parts, build.ids), attrs)
    written = sum(len(task.shards) for task in build.tasks)
    shards = -(-read_parts(out).num_rows // spec.rows_per_shard) * len(spec.arrays)
    return Merged(out, tuple(map(len, stores)), len(build.ids), shards - written, written)


def _nothing(ids: list[str], arrays: frozenset[str]) -> Iterator[ComputedRow]:
    raise BuildError(f"{ids[:3]} of {sorted(arrays)} lie in none of the stores: merging computes nothing")


def _rows(stores: Sequence[Store], parts: Sequence[Parts]) -> list[Row]:
    """Each id once, with every store's documents of it."""
    docs: dict[str, dict[str, JSON]] = {row_id: {} for store in stores for row_id in store.ids}
    for store, part in zip(stores, parts, strict=True):
        for array in store.arrays:
            for row_id, doc in documents_of(part, array, list(store.ids)).items():
                docs[row_id][array] = doc
    return [Row(row_id, found) for row_id, found in docs.items()]


def _coordinates(
    stores: Sequence[Store], parts: Sequence[Parts], ids: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Every coordinate in the order of `ids`; words as wide as the widest."""
    found: dict[str, NDArray[Any]] = {}
    for name in sorted(set(parts[0].coords) - {KEYS, f"{parts[0].row_dim}_id"}):
        values = {
            row_id: value
            for store in stores
            for row_id, value in zip(store.ids, store.coord(name), strict=True)
        }
        found[name] = np.array([values[row_id] for row_id in ids])
    return found


def _agreed(stores: Sequence[Store], parts: Sequence[Parts]) -> dict[str, JSON]:
    """The result's card, once nothing speaks against the merge."""
    attrs = dict(stores[0].attrs)
    for one, other in combinations(range(len(stores)), 2):
        _refuse_unlike((stores[one], stores[other]), (parts[one], parts[other]))
    for store in stores[1:]:
        attrs = {name: _joined(value, store.attrs[name]) for name, value in attrs.items()}
    return attrs


def _joined(one: JSON, other: JSON) -> JSON:
    """Lists (of what was lost on the way, say) are joined, without doubles; all else is the same in both."""
    if not isinstance(one, list) or not isinstance(other, list):
        return one
    known = {canonical(item) for item in one}
    return [*one, *(item for item in other if canonical(item) not in known)]


def _refuse_unlike(stores: tuple[Store, Store], parts: tuple[Parts, Parts]) -> None:
    where = f"{stores[0].path} and {stores[1].path} can't be merged"
    if len({frozenset(part.arrays) for part in parts}) > 1:
        held = " and ".join(f"[{', '.join(sorted(part.arrays))}]" for part in parts)
        raise MergeError(f"{where}: they hold other arrays: {held}")
    _refuse(where, "they are laid out differently", differences(*(_layout(part) for part in parts)))
    for array in stores[0].arrays:
        _refuse(where, f"{array!r} was made by other recipes", _unlike_recipes(parts, array))
    _refuse(where, "their cards differ", _unlike_cards(stores))
    names = [sorted(set(part.coords) - {KEYS, f"{part.row_dim}_id"}) for part in parts]
    _refuse(where, "their coordinates differ", differences({"names": names[0]}, {"names": names[1]}))  # type: ignore[dict-item]
    both = [row_id for row_id in stores[0].ids if row_id in stores[1].row_of]
    _refuse(
        where, f"{len(both)} rows are in both, and not the same", _conflicts(stores, parts, both, names[0])
    )


def _layout(parts: Parts) -> dict[str, JSON]:
    return {"row_dim": parts.row_dim, **{name: layout_of(parts, name) for name in sorted(parts.arrays)}}


def _refuse(where: str, what: str, found: Sequence[object]) -> None:
    if found:
        more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise MergeError(f"{where}: {what}:\n  " + "\n  ".join(map(str, found[:_SHOWN])) + more)


def _unlike_recipes(parts: tuple[Parts, Parts], array: str) -> list[Difference]:
    """What differs between two recipes where neither store's are among the other's."""
    one, other = (_recipes(part, array) for part in parts)
    if not one or not other or one.keys() <= other.keys() or other.keys() <= one.keys():
        return []
    strange = next(recipe for key, recipe in other.items() if key not in one)
    return min((differences(recipe, strange) for recipe in one.values()), key=len)


def _recipes(parts: Parts, array: str) -> Mapping[str, JSON]:
    """What the array's rows were made by, without what they were made from."""
    found: dict[str, JSON] = {}
    for block in parts.blocks(array):
        for doc in parts.documents(array, block).docs:
            recipe = {n: v for n, v in doc.items() if n != INPUTS} if isinstance(doc, dict) else doc
            if recipe is not None:
                found.setdefault(key_of(recipe), recipe)
    return found


def _unlike_cards(stores: tuple[Store, Store]) -> list[Difference]:
    one, other = (store.attrs for store in stores)
    return [
        found
        for found in differences(one, other)
        if not (isinstance(found.before, list) and isinstance(found.now, list))
        and not found.place.endswith(_SPELLING)
    ]


def _conflicts(
    stores: tuple[Store, Store], parts: tuple[Parts, Parts], both: list[str], coordinates: list[str]
) -> list[str]:
    """A line a conflict, with the rows' ids."""
    found: list[str] = []
    for array in stores[0].arrays:
        made = [store.keys(array) for store in stores]
        in_both = [row_id for row_id in both if all(row_id in keys for keys in made)]
        unlike: list[Reason] = reasons(stores, parts, array, in_both)
        found += [f"other sources: {reason}" for reason in unlike]
        contents = content_diff(stores, parts, array, in_both)
        found += [] if contents.agrees else [f"made of the same, other content: {contents}"]
    for name in coordinates:
        rows = coordinate_conflicts(stores, name, both)
        found += [f"coordinate {name}: {', '.join(rows[:_SHOWN])}"] if rows else []
    return found
