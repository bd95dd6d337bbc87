"""A store of which every byte was checked, for exports that read it, and the file that they write whole."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..files import full_disk_explained, sync_folder
from ..layout import KEYS
from ..locks import aside
from ..store.manifest import read_manifest
from ..store.parts import Parts, read_parts
from ..store.store import Store, open_store
from ..upkeep.verify import verify_store
from .exported import Exported

COMPLETE = "complete"
"""Name under which an export tells, a row, that no array that is wanted lacks it."""
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True)
class Checked:
    """A verified store, opened: N rows without holes, and the arrays that are wanted of it."""

    store: Store
    parts: Parts
    arrays: tuple[str, ...]
    digest: str
    """Digest of the store's manifest."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    """Words for the file's card beside the store's own."""

    @property
    def id_name(self) -> str:
        """Name of the coordinate that holds the rows' ids."""
        return f"{self.parts.row_dim}_id"

    @property
    def coords(self) -> tuple[str, ...]:
        """Names of the coordinates, the rows' ids and keys aside."""
        return tuple(sorted(self.parts.coords.keys() - {KEYS, self.id_name}))

    def texts(self) -> dict[str, str]:
        """The store's own words as JSON: its attributes, what all rows were made of, which failed and why."""
        facts = {
            "card": {**self.store.attrs, **self.attributes},
            "made_of": {array: self.store.made_of[array] for array in self.arrays},
            "failures": list(self.store.failures),
        }
        return {name: json.dumps(value, sort_keys=True) for name, value in facts.items()}

    def single_values(self) -> dict[str, str | int | float]:
        """The card's entries that are one value, `license` as its identifier or its terms."""
        card = {**self.store.attrs, **self.attributes}
        terms = card.get("license")
        if isinstance(terms, Mapping):
            card["license"] = terms.get("spdx") or terms.get("text")
        return {name: value for name, value in card.items() if isinstance(value, str | int | float)}

    def made(self, array: str) -> NDArray[np.bool_]:
        """(N,): whether that array holds the row; False where it failed or was not asked for."""
        failed = {entry["id"] for entry in self.store.failures if entry.get("array") in (None, array)}
        keys = self.store.keys(array)
        return np.array([row in keys and row not in failed for row in self.store.ids], bool)

    def complete(self) -> NDArray[np.bool_]:
        """(N,): whether every array that is wanted holds the row."""
        return np.asarray(np.all([self.made(array) for array in self.arrays], axis=0))

    def batches(self, row_bytes: int, multiple: int = 1) -> Iterator[slice]:
        """Rows in turn, some 64 MB at a time, a multiple of that number of rows."""
        step = multiple * max(1, _BATCH_BYTES // max(1, row_bytes * multiple))
        for start in range(0, len(self.store), step):
            yield slice(start, min(start + step, len(self.store)))


def export_checked(
    folder: Path,
    out: Path,
    arrays: Sequence[str] | None,
    write: Callable[[Path, Checked], None],
    attributes: Mapping[str, object] | None = None,
) -> Exported:
    """Verify the store at `folder`, have `write` make `out` of it, and put that in its place, whole or not at all.

    arrays: the ones wanted; None for all. Raises StoreError where one is not there, or a byte is not as published.
    """
    verified = verify_store(folder)
    if verified.faults:
        raise StoreError(f"store {folder}: {verified.faults[0]}; mend it first: python cli.py cache repair")
    digest = read_manifest(folder).digest
    with closing(open_store(folder)) as store, aside(out, "exporting") as place:
        wanted = store.arrays if arrays is None else tuple(arrays)
        for array in wanted:
            store.spec(array)  # refuses a name that is not there
        source = Checked(store, read_parts(folder), wanted, digest, attributes or {})
        if COMPLETE in (*wanted, *source.coords):
            raise StoreError(
                f"store {folder}: the name {COMPLETE!r} is the exports' own; rename what it holds"
            )
        with full_disk_explained(place, out.name):
            write(place, source)
            with place.open("rb") as file:
                os.fsync(file.fileno())
        place.rename(out)
    sync_folder(out.parent)
    return Exported(out, len(store), wanted, out.stat().st_size, digest)
