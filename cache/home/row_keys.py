"""Row keys of a store's last build, remembered by the documents that they are digests of.

A key is the digest of a document's canonical JSON, which takes ten times as long to spell as its plain pickle. So
runs of 256 rows are pickled, and where a run's digest is known, its keys are. Two runs that differ in anything, if only
in a type, in the order of a dict, or in whether two equal values are one object, have different pickles; what is alike
in JSON alone is digested anew. Whoever makes documents lets them share what they have in common: it is spelled once.

A help: what is torn, flipped or of another format is not believed, what cannot be written is not remembered.
"""

import io
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BuildError
from ..files import sweep_help, write_help
from ..keys import FORMAT, JSON, KEY_BYTES, canonical, key_of
from ..shards.specs import ArraySpec, Row, shard_key_by_text

RUN = 256
"""Rows of one run: what they share is spelled once."""
_NONE = "00" * KEY_BYTES
"""Stands for a row without a document."""


class KeyTable(Mapping[str, tuple[str | None, ...]]):
    """Array to the key of each row's document; None for a hole, or a row without this array. N rows."""

    def __init__(self, arrays: Sequence[str], digests: bytes) -> None:
        """digests: 20 bytes a row and array, row by row; zeros where there is no document."""
        self.arrays = tuple(arrays)
        self.digests: NDArray[np.uint8] = np.frombuffer(digests, np.uint8).reshape(-1, len(arrays), KEY_BYTES)
        """(N, arrays, 20)"""

    def block(self, array: str, rows: slice) -> tuple[str | None, ...]:
        """Keys of some rows, those of them that are."""
        digests = self.bytes_of(array, rows)
        keys: tuple[str | None, ...] = (*digests.hex(" ", KEY_BYTES).split(" "),) if digests else ()
        return tuple(None if key == _NONE else key for key in keys) if _NONE in keys else keys

    def bytes_of(self, array: str, rows: slice) -> bytes:
        """20 bytes a row."""
        return self.digests[rows, self.arrays.index(array)].tobytes()

    def spelled(self, array: str, rows: slice) -> bytes:
        """`block` as canonical JSON: ["<40 hex digits>",null]."""
        keys = self.bytes_of(array, rows).hex(" ", KEY_BYTES)
        listed = f'["{keys}"]'.replace(" ", '","') if keys else "[]"
        return listed.replace(f'"{_NONE}"', "null").encode("ascii")

    def has(self, array: str, rows: int | slice) -> bool:
        """Whether the row, or any of several, has a document in that array."""
        return bool(self.digests[rows, self.arrays.index(array)].any())

    def __getitem__(self, array: str) -> tuple[str | None, ...]:
        if array not in self.arrays:
            raise KeyError(array)
        return self.block(array, slice(None))

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


class RowKeys:
    """The keys that one store's last build gave to runs of rows, of the `arrays` in their order."""

    def __init__(self, path: Path, arrays: Sequence[str]) -> None:
        self._path = path
        self._arrays = tuple(arrays)
        self._known, self._known_shards = _read(path, self._arrays)
        self._now: dict[bytes, bytes] = {}
        self._now_shards: dict[str, str] = {}

    def of(self, rows: Sequence[Row | None]) -> KeyTable:
        """The key of each row's document in each array.

        Raises BuildError for a row with a document of another array, KeyDocError for one that is no plain JSON.
        """
        spell = _Speller()
        runs = (self._run(rows[first : first + RUN], spell) for first in range(0, len(rows), RUN))
        return KeyTable(self._arrays, b"".join(runs))

    def shard_key(self, keys: KeyTable, spec: ArraySpec, rows_per_shard: int, rows: slice) -> str:
        """`shard_key` of these rows of the array of that spec."""
        question = _digest(
            bytes.fromhex(key_of([rows_per_shard, spec.key_document])) + keys.bytes_of(spec.name, rows)
        ).hex()
        key = self._known_shards.get(question)
        if key is None:
            key = shard_key_by_text(spec, rows_per_shard, keys.spelled(spec.name, rows))
        self._now_shards[question] = key
        return key

    @cached_property
    def before(self) -> KeyTable:
        """Keys of the rows as the last build left them; of none where nothing is remembered."""
        return KeyTable(self._arrays, b"".join(self._known.values()))

    def remember(self) -> None:
        """Keep what `of` gave, for the next build, unless that is what is kept already.

        The caller holds the lock on the store's name: what lies aside is what a killed build left.
        """
        sweep_help(self._path)
        if self._now.keys() == self._known.keys() and self._now_shards.keys() <= self._known_shards.keys():
            return
        lengths = (len(keys).to_bytes(4, "little") for keys in self._now.values())
        keyed = chain.from_iterable(zip(lengths, self._now.values(), strict=True))
        body = b"".join((_head(self._arrays, len(self._now), self._now_shards), *self._now, *keyed))
        write_help(self._path, body, _digest(body), without="they are digested again next time")

    def _run(self, rows: Sequence[Row | None], spell: "_Speller") -> bytes:
        """The keys of up to 256 rows, 20 bytes a row and array, row by row."""
        spelled = spell(rows)
        keys = None if spelled is None else self._known.get(spelled)
        if keys is None:
            self._refuse_strange(rows)
            keys = b"".join(
                bytes.fromhex(_NONE if row is None or array not in row.docs else key_of(row.docs[array]))
                for row in rows
                for array in self._arrays
            )
        if spelled is not None:
            self._now[spelled] = keys
        return keys

    def _refuse_strange(self, rows: Sequence[Row | None]) -> None:
        for row in rows:
            if row is not None and not row.docs.keys() <= {*self._arrays}:
                raise BuildError(
                    f"row {row.id!r} documents {sorted(row.docs)}, the store has {sorted(self._arrays)}"
                )


def row_keys_damage(path: Path) -> str | None:
    """Describe what is wrong with the bytes of remembered row keys; None where nothing is."""
    data = path.read_bytes()
    whole = data[-KEY_BYTES:] == _digest(data[:-KEY_BYTES])
    return None if whole else "not as they were written; they will be digested anew"


class _Speller:
    """Digests pickles of runs, one after the other in the same memory."""

    def __init__(self) -> None:
        self._data = io.BytesIO()
        self._pickler = pickle.Pickler(self._data, protocol=5)

    def __call__(self, rows: Sequence[Row | None]) -> bytes | None:
        """20 bytes that stand for the documents of a run; None where one is nothing that pickles."""
        self._data.seek(0)
        self._data.truncate()
        self._pickler.clear_memo()
        try:
            self._pickler.dump([None if row is None else row.docs for row in rows])
        except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError):
            return None  # no plain JSON: `key_of` says what and where
        return _digest(self._data.getbuffer())


def _read(path: Path, arrays: tuple[str, ...]) -> tuple[dict[bytes, bytes], dict[str, str]]:
    """Digest of a run to its keys, and of a shard's to the shard's; nothing where there is nothing to believe."""
    try:
        whole = path.read_bytes()
        data, names = memoryview(whole), whole.index(b"\n") + 1
        document = json.loads(whole[:names])
        count, shards = document["runs"], document["shards"]
        if data[-KEY_BYTES:] != _digest(data[:-KEY_BYTES]) or whole[:names] != _head(arrays, count, shards):
            return {}, {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}
    known, at = {}, names + count * KEY_BYTES
    for name in range(names, at, KEY_BYTES):
        size = int.from_bytes(data[at : at + 4], "little")
        known[bytes(data[name : name + KEY_BYTES])] = bytes(data[at + 4 : at + 4 + size])
        at += 4 + size
    return known, shards


def _head(arrays: Sequence[str], count: int, shards: Mapping[str, str]) -> bytes:
    document: JSON = {"format": FORMAT, "arrays": [*arrays], "runs": count, "shards": dict(shards)}
    return canonical(document) + b"\n"


def _digest(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=KEY_BYTES).digest()
