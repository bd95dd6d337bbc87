"""The rows of an opened store: by number or by id, straight from the shards, wherever those lie."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..keys import digest_of
from ..layout import KEYS, MANIFEST
from ..shards.documents import tail_bytes, tail_checksums
from ..shards.reading import Check, ShardReader
from ..shards.sources import Files, Held, LocalFile, Source, digest_of_source
from .contents import Contents
from .described import Part
from .manifest import MANIFEST_LIMIT_BYTES, FileFacts

_OPEN_SHARDS = 128
_SHORT_RUN = 8
"""Rows; where runs are shorter on average, rows are gathered chunk by chunk."""


class Rows:
    """Reads arrays, coordinates and keys. Safe in threads; shards are opened when first read."""

    def __init__(self, files: Files, contents: Contents, *, check: Check) -> None:
        self.contents = contents
        self._files = files
        self._check: Check = check
        self._readers: OrderedDict[tuple[str, int], ShardReader] = OrderedDict()
        self._guard = threading.Lock()
        self._keys: NDArray[Any] | None = None
        self._hashed: set[str] = set()
        """Shards that were read whole against their digest."""
        self.row_of: dict[str, int] = self._read_ids()
        """Id to row; holes have none."""
        self.ids: tuple[str, ...] = tuple(self.row_of)
        """Ids in row order."""
        self.numbers: NDArray[np.intp] = np.fromiter(self.row_of.values(), np.intp, len(self.row_of))
        """(len(ids),): their rows."""
        self._refuse_strange_failures()

    def part(self, array: str) -> Part:
        """Return that array's layout. Raises StoreError where there is none."""
        if array not in self.contents.arrays:
            raise StoreError(
                f"store {self.contents.where} has no array {array!r}; it has {sorted(self.contents.arrays)}"
            )
        return self.contents.arrays[array]

    def row(self, row_id: str) -> int:
        """The row of an id. Raises StoreError where there is none."""
        if row_id not in self.row_of:
            raise StoreError(
                f"store {self.contents.where} has no row {row_id!r}; it holds {len(self.ids)} rows, see .ids"
            )
        return self.row_of[row_id]

    def rows(self, ids: Iterable[str]) -> NDArray[np.intp]:
        """The rows of ids, in their order."""
        wanted = list(ids)
        try:
            return np.fromiter(map(self.row_of.__getitem__, wanted), np.intp, len(wanted))
        except KeyError as error:
            return np.array([self.row(error.args[0])])  # raises, and says what is there

    def read(self, array: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """(len(rows), *row_shape): these rows in this order."""
        part = self.part(array)
        out = np.empty((len(rows), *part.spec.row_shape), part.spec.stored)
        breaks = rows[1:] - rows[:-1] != 1
        if np.count_nonzero(breaks) * _SHORT_RUN > len(rows):
            self._read_scattered(array, part, rows, out)
        else:
            for low, high in pairwise([0, *(np.flatnonzero(breaks) + 1).tolist(), len(rows)]):
                self._read_run(array, part, int(rows[low]) if high else 0, out[low:high])
        return out

    def read_one(
        self, array: str, row: int, start: int | None = None, stop: int | None = None
    ) -> NDArray[Any]:
        """(*row_shape): one row, or its part along its first axis; reads only that."""
        part = self.part(array)
        shape = part.spec.row_shape
        first, last = 0, None
        if shape and (start is not None or stop is not None):
            first, last, _ = slice(start, stop).indices(shape[0])
            shape = (max(0, last - first), *shape[1:])
        out = np.empty((1, *shape), part.spec.stored)
        block, within = divmod(row, part.rows_per_shard)
        reader = self._reader(array, part, block)
        if shape is part.spec.row_shape:
            reader.read_run(out, within)
        else:
            reader.read_into(out, (0,), (within,), first, last)
        return np.asarray(out[0])

    def coord(self, name: str) -> NDArray[Any]:
        """(len(ids), ...): a coordinate in the order of `ids`; words come as fixed-width bytes."""
        if name not in self.contents.coords:
            raise StoreError(
                f"store {self.contents.where} has no coordinate {name!r}; it has {sorted(self.contents.coords)}"
            )
        return np.asarray(self._whole_coord(name)[self.numbers])

    def key(self, array: str, row: int) -> str | None:
        """The key of what a row was made of in that array; None where it was not."""
        data = self._row_keys[row, self._column(array)].tobytes()
        return data.hex() if any(data) else None

    def made(self, array: str, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """(len(rows),): whether that array was made for the row, or tried to."""
        self.part(array)
        stated = self.contents.made
        if stated is None:
            return np.asarray(self._row_keys[rows, self._column(array)].any(axis=1))
        return stated[array][rows] if array in stated else np.ones(len(rows), bool)

    def file(self, name: str) -> bytes:
        """A whole file that the manifest lists, checked against its digest. Raises StoreError."""
        if name not in self.contents.files:
            raise StoreError(f"store {self.contents.where} has no file {name}")
        facts = self.contents.files[name]
        data = self._files.whole(name, limit=facts.size)
        if digest_of(data) != facts.digest:
            raise self.contents.broken(f"{name} was changed since the store was made")
        return data

    def close(self) -> None:
        """Give the file handles back; the next read opens them again."""
        with self._guard:
            while self._readers:
                self._readers.popitem()[1].close()
        self._files.close()

    @property
    def _row_keys(self) -> NDArray[Any]:
        """(N, arrays, 20)"""
        if self._keys is None:
            self._keys = self._whole_coord(KEYS)
        return self._keys

    def _column(self, array: str) -> int:
        self.part(array)
        return int(self.contents.coords[KEYS].attrs["arrays"].index(array))

    def _whole_coord(self, name: str) -> NDArray[Any]:
        """(N, ...), holes included."""
        part = self.contents.coords[name]
        out = np.empty((part.rows_per_shard, *part.spec.row_shape), part.spec.stored)
        held = Held(f"{self.contents.where}: {part.shard(0)}", self._proven(part.shard(0)))
        ShardReader(held, part.spec, part.rows_per_shard).read_run(out, 0)
        if part.attrs.get("encoding") == "ascii":
            return out.view(f"S{out.shape[-1]}")[..., 0]
        return out

    def _read_run(self, array: str, part: Part, first: int, out: NDArray[Any]) -> None:
        """Rows that follow each other, from `first` on, shard by shard."""
        done = 0
        while done < len(out):
            block, within = divmod(first + done, part.rows_per_shard)
            count = min(len(out) - done, part.rows_per_shard - within)
            self._reader(array, part, block).read_run(out[done : done + count], within)
            done += count

    def _read_scattered(self, array: str, part: Part, rows: NDArray[np.intp], out: NDArray[Any]) -> None:
        """Rows in any order, each shard's together."""
        blocks, within = np.divmod(rows, part.rows_per_shard)
        order = blocks.argsort(kind="stable")
        blocks, within = blocks[order], within[order]
        bounds = (np.flatnonzero(blocks[1:] != blocks[:-1]) + 1).tolist()
        for low, high in pairwise([0, *bounds, len(rows)]):
            reader = self._reader(array, part, int(blocks[low]))
            reader.read_into(out, order[low:high], within[low:high])

    def _reader(self, array: str, part: Part, block: int) -> ShardReader:
        with self._guard:
            reader = self._readers.pop((array, block), None)
            if reader is None:
                reader = self._opened(part, block)
            self._readers[array, block] = reader
            if len(self._readers) > _OPEN_SHARDS:
                self._readers.popitem(last=False)  # closes with its last user
            return reader

    def _opened(self, part: Part, block: int) -> ShardReader:
        name = part.shard(block)
        facts = self.contents.files[name]
        table = self._checksums(part, block, facts)
        source = self._files.source(name, size=facts.size, digest=facts.digest)
        reader = ShardReader(source, part.spec, part.rows_per_shard, check=self._check, checksums=table)
        if table is None:
            self._refuse_unlike(source, facts, name)
        return reader

    def _checksums(self, part: Part, block: int, facts: FileFacts) -> bytes | None:
        """What the shard's chunks must be, by the manifest or the end of its documents; None of an older store's."""
        name = part.documents(block)
        if facts.table is not None or facts.checksums is None:
            return facts.table
        if name not in self.contents.files:
            raise self.contents.broken(f"it has no {name}, which its {part.shard(block)} is held against")
        beside = self.contents.files[name]
        source = self._files.source(name, size=beside.size, digest=beside.digest)
        try:
            wanted = min(beside.size, tail_bytes(part.spec, part.rows_per_shard))
            table = tail_checksums(source.read(beside.size - wanted, wanted))
            if table is None or digest_of(table) != facts.checksums:
                source.distrust()
                raise self.contents.broken(
                    f"{name} is not what was published: two files were exchanged, a mirror is half synced, or the "
                    "store was replaced while it was read"
                )
        finally:
            source.close()
        return table

    def _refuse_unlike(self, source: Source, facts: FileFacts, name: str) -> None:
        """A shard without checksums of its chunks: on this machine all of it is read against its digest, once. Afar
        that would cost the whole file: nothing ties it to the manifest but that both are there at one time."""
        if isinstance(source, LocalFile):
            if name not in self._hashed and digest_of_source(source) != facts.digest:
                raise self.contents.broken(f"{name} is damaged, or holds another shard's bytes")
            self._hashed.add(name)
        elif digest_of(self._files.whole(MANIFEST, limit=MANIFEST_LIMIT_BYTES)) != self.contents.manifest:
            raise StoreError(f"store {self.contents.where} was replaced while it was read: open it again")

    def _proven(self, name: str) -> bytes:
        """A whole file that may be kept from an earlier reading, checked against its digest."""
        facts = self.contents.files[name]
        source = self._files.source(name, size=facts.size, digest=facts.digest)
        try:
            data = source.read(0, facts.size)
            if digest_of(data) != facts.digest:
                source.distrust()
                raise self.contents.broken(f"{name} is damaged, or was changed since the store was made")
        finally:
            source.close()
        return data

    def _read_ids(self) -> dict[str, int]:
        ids = self._whole_coord(f"{self.contents.row_dim}_id").tolist()
        try:
            found = {row_id.decode("ascii"): row for row, row_id in enumerate(ids) if row_id}
        except UnicodeDecodeError as error:
            raise self.contents.broken(f"an id is no ASCII ({error})") from error
        if len(found) != sum(map(bool, ids)) or not all(map(str.isprintable, found)):
            raise self.contents.broken("its ids are not printable, or one stands twice")
        return found

    def _refuse_strange_failures(self) -> None:
        for entry in self.contents.failures:
            fields = {"error": None, "message": None, **(entry if isinstance(entry, dict) else {})}
            known = fields.get("id") in self.row_of and fields.get("array") in (None, *self.contents.arrays)
            if not known or not all(isinstance(fields[name], str) for name in ("error", "message")):
                raise self.contents.broken(f"it tells of a failure that cannot be: {entry!r:.200}")
