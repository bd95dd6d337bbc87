"""An opened store, as a researcher sees it: clips, their arrays, and where all of it comes from."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..shards.documents import parse_documents
from ..store.rows import Rows
from .arrays import ArrayView
from .card import SPLITS, Card, card_of
from .remote.meter import Meter

if TYPE_CHECKING:  # pragma: no cover
    import xarray

    from .torch_clips import TorchClips


class Reader:
    """A store. Pickles as its address: each process opens it for itself. Safe in threads."""

    def __init__(self, rows: Rows, meter: Meter, reopen: Callable[[], "Reader"]) -> None:
        """reopen: opens the same store again; picklable."""
        self._rows = rows
        self._reopen = reopen
        self.meter = meter
        """Bytes and requests that came over the network so far."""
        self.card: Card = card_of(rows)
        self.ids: tuple[str, ...] = rows.ids
        """Ids of all clips, in the store's order, which is that of arrays and coordinates."""
        self.arrays: tuple[str, ...] = tuple(sorted(rows.contents.arrays))
        """Names; `reader[name]` is the array."""
        self.coords: tuple[str, ...] = tuple(sorted(rows.contents.coords))
        """Names; `reader.coord(name)` is the coordinate."""
        self.failures: tuple[Mapping[str, str], ...] = rows.contents.failures
        """{"id", "array" where not all of the clip's arrays failed, "error", "message"} a failure."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reopen, ()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._rows.row_of

    def __repr__(self) -> str:
        return f"<store {self._rows.contents.where}: {len(self)} clips of {', '.join(self.arrays)}>"

    def __getitem__(self, array: str) -> ArrayView:
        """An array by its name; nothing is read yet."""
        return ArrayView(self._rows, array)

    def coord(self, name: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
        """(n, …): a coordinate of these clips, of all by default; words come as fixed-width bytes."""
        if name not in self._coords:
            self._coords[name] = self._rows.coord(name)
        values = self._coords[name]
        return values if ids is None else np.asarray(values[[self._place(clip_id) for clip_id in ids]])

    def clips(
        self, *, split: str | None = None, label: int | str | Collection[int] | None = None,
        made_in: str | Sequence[str] | None = None, **coords: Any,
    ) -> tuple[str, ...]:  # fmt: skip
        """Ids of the clips that meet every condition, in the store's order.

        split: "train" or "test". label: a number, a class's name, or several numbers. made_in: arrays that must
        hold the clip; by default clips that failed anywhere are left out. Others: a coordinate and its value, or
        several of them.
        """
        wanted = dict(coords)
        if split is not None:
            wanted["split"] = self._one_of(split, SPLITS, "splits")
        if label is not None:
            wanted["label"] = (
                self._one_of(label, self.card.classes, "classes") if isinstance(label, str) else label
            )
        found = self._sound(made_in)
        for name, value in wanted.items():
            values = [value] if np.ndim(value) == 0 else list(value)
            found &= np.isin(self._flat(name), [v.encode() if isinstance(v, str) else v for v in values])
        return tuple(self.ids[place] for place in np.flatnonzero(found))

    def clip(self, clip_id: str) -> dict[str, NDArray[Any]]:
        """Everything that the store holds of one clip: array to its row, failed and unmade ones left out."""
        rows = np.array([self._rows.row(clip_id)])
        failed = {entry.get("array") for entry in self.failures if entry["id"] == clip_id}
        there = [
            name for name in self.arrays
            if not failed & {name, None} and self._rows.made(name, rows)[0]
        ]  # fmt: skip
        return {name: self._rows.read_one(name, int(rows[0])) for name in there}

    def made_of(self, clip_id: str, array: str) -> Mapping[str, Any]:
        """The whole document of what a clip's row was made of, its digest checked against the row's key."""
        part, row = self._rows.part(array), self._rows.row(clip_id)
        block, within = divmod(row, part.rows_per_shard)
        documents = parse_documents(self._rows.file(part.documents(block)), part.documents(block))
        document, key = documents.docs[within], self._rows.key(array, row)
        if documents.row_keys[within] != key or not isinstance(document, dict):
            raise self._rows.contents.broken(
                f"what {clip_id!r} was made of in {array!r} does not give its key {key}"
            )
        for name, value in self._rows.contents.made_of[array].items():
            if document.get(name) != value:
                raise self._rows.contents.broken(
                    f"its card says that all of {array!r} was made with {name} {value!r:.80}, {clip_id!r} was not"
                )
        return document

    def to_torch(
        self, *arrays: str, coords: Sequence[str] = ("label",), ids: Sequence[str] | None = None
    ) -> "TorchClips":
        """A torch Dataset of (array, …, coordinate, …) a clip; all clips that these arrays hold by default."""
        with _needed("torch"):
            from .torch_clips import TorchClips  # torch takes seconds, and is not needed otherwise

        names = arrays or self.arrays
        return TorchClips(
            self, names, tuple(coords), tuple(self.clips(made_in=names) if ids is None else ids)
        )

    def to_xarray(self) -> "xarray.Dataset":
        """An xarray Dataset whose arrays are read when their values are; needs xarray."""
        with _needed("xarray"):
            from .xarray_view import dataset_of  # as torch

        arrays = {name: self[name] for name in self.arrays}
        return dataset_of(arrays, {name: self.coord(name) for name in self.coords}, self.card)

    def close(self) -> None:
        """Give file handles and connections back; the next read opens them again."""
        self._rows.close()

    @cached_property
    def _coords(self) -> dict[str, NDArray[Any]]:
        return {}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {clip_id: place for place, clip_id in enumerate(self.ids)}

    def _place(self, clip_id: str) -> int:
        self._rows.row(clip_id)  # refuses an id that is not there
        return self._places[clip_id]

    def _flat(self, name: str) -> NDArray[Any]:
        values = self.coord(name)
        if values.ndim != 1:
            raise StoreError(
                f"coordinate {name!r} has {values.shape[1:]} values a clip: clips can't be chosen by it"
            )
        return values

    def _one_of(self, name: str, known: Sequence[str], what: str) -> int:
        if name not in known:
            raise StoreError(f"no {name!r} among the {what} {list(known)!r:.400}")
        return list(known).index(name)

    def _sound(self, made_in: str | Sequence[str] | None) -> NDArray[np.bool_]:
        """(len(ids),): clips that did not fail, there or anywhere."""
        arrays = (made_in,) if isinstance(made_in, str) else made_in
        failed = {e["id"] for e in self.failures if arrays is None or e.get("array") in (None, *arrays)}
        found = np.array([clip_id not in failed for clip_id in self.ids], bool)
        for array in arrays or ():
            found &= self._rows.made(array, self._rows.numbers)
        return found


@contextmanager
def _needed(package: str) -> Iterator[None]:
    """Say what to install where `package` is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise StoreError(
            f"to_{package} needs {package}, which is not installed: pip install 'harstore[{package}]'"
        ) from error
