"""Row keys of a store's last build, remembered by the documents that they are digests of.

A key is the digest of a document's canonical JSON, which takes ten times as long to spell as its plain pickle. So
runs of 64 rows are pickled, and where a run's digest is known, its keys are. Two runs that differ in anything, if only
in a type, in the order of a dict, or in whether two equal values are one object, have different pickles; what is alike
in JSON alone is digested anew. Whoever makes documents lets them share what they have in common: it is spelled once.

A help: what is torn, flipped or of another format is not believed, what cannot be written is not remembered.
"""

import io
import json
import logging
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BuildError
from ..keys import FORMAT, JSON, KEY_BYTES, canonical, key_of
from ..shards.specs import Row

log = logging.getLogger(__name__)

RUN = 64
"""Rows of one run."""
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
        digests = self.digests[rows, self.arrays.index(array)].tobytes()
        keys: tuple[str | None, ...] = (*digests.hex(" ", KEY_BYTES).split(" "),) if digests else ()
        return tuple(None if key == _NONE else key for key in keys) if _NONE in keys else keys

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
        self._known = _read(path, self._arrays)
        self._now: dict[bytes, bytes] = {}

    def of(self, rows: Sequence[Row | None]) -> KeyTable:
        """The key of each row's document in each array.

        Raises BuildError for a row with a document of another array, KeyDocError for one that is no plain JSON.
        """
        runs = (self._run(rows[first : first + RUN]) for first in range(0, len(rows), RUN))
        return KeyTable(self._arrays, b"".join(runs))

    @property
    def before(self) -> KeyTable:
        """Keys of the rows as the last build left them; of none where nothing is remembered."""
        return KeyTable(self._arrays, b"".join(self._known.values()))

    def remember(self) -> None:
        """Keep what `of` gave, for the next build, unless that is what is kept already.

        The caller holds the lock on the store's name: what lies aside is what a killed build left.
        """
        aside = self._path.with_name(f"{self._path.name}.tmp")
        with suppress(OSError):
            aside.unlink()
        if self._now.keys() == self._known.keys():
            return
        body = _head(self._arrays, len(self._now)) + b"".join(self._now)
        body += b"".join(len(keys).to_bytes(4, "little") + keys for keys in self._now.values())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(body + _digest(body))
            aside.replace(self._path)
        except OSError as error:
            log.warning("row keys %s are not kept (%s): they are digested again next time", self._path, error)
            with suppress(OSError):
                aside.unlink()

    def _run(self, rows: Sequence[Row | None]) -> bytes:
        """The keys of up to 64 rows, 20 bytes a row and array, row by row."""
        spelled = _spelled(rows)
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


def _spelled(rows: Sequence[Row | None]) -> bytes | None:
    """20 bytes that stand for the documents of a run; None where one is nothing that pickles."""
    spelled = io.BytesIO()
    try:
        pickle.Pickler(spelled, protocol=5).dump([None if row is None else row.docs for row in rows])
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError):
        return None  # no plain JSON: `key_of` says what and where
    return _digest(spelled.getbuffer())


def _read(path: Path, arrays: tuple[str, ...]) -> dict[bytes, bytes]:
    """Digest of a run to its keys; nothing where there is nothing to believe."""
    try:
        data = path.read_bytes()
        head, _, body = data[:-KEY_BYTES].partition(b"\n")
        count = json.loads(head)["runs"]
        if data[-KEY_BYTES:] != _digest(data[:-KEY_BYTES]) or head + b"\n" != _head(arrays, count):
            return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    known, at = {}, count * KEY_BYTES
    for run in range(count):
        size = int.from_bytes(body[at : at + 4], "little")
        known[body[run * KEY_BYTES : (run + 1) * KEY_BYTES]] = body[at + 4 : at + 4 + size]
        at += 4 + size
    return known


def _head(arrays: Sequence[str], count: int) -> bytes:
    document: JSON = {"format": FORMAT, "arrays": [*arrays], "runs": count}
    return canonical(document) + b"\n"


def _digest(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=KEY_BYTES).digest()
