"""Row keys of a store's last build, remembered by the documents that they are digests of.

A key is the digest of a document's canonical JSON, which takes ten times as long to spell as its plain pickle. So
runs of 64 rows are pickled, and where a run's digest is known, its keys are. Two runs that differ in anything, if only
in a type or in the order of a dict, have different pickles; what is alike in JSON alone is digested anew.

A help: what is torn, flipped or of another format is not believed, what cannot be written is not remembered.
"""

import io
import json
import logging
import pickle
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from ..keys import FORMAT, JSON, KEY_BYTES, canonical, key_of
from ..shards.specs import Row

log = logging.getLogger(__name__)

RUN = 64
"""Rows of one run."""
_NONE = "00" * KEY_BYTES
"""Stands for a row without a document."""


class RowKeys:
    """The keys that one store's last build gave to runs of rows, of the `arrays` in their order."""

    def __init__(self, path: Path, arrays: Sequence[str]) -> None:
        self._path = path
        self._arrays = tuple(arrays)
        self._known = _read(path, self._arrays)
        self._now: dict[bytes, bytes] = {}

    def of(self, rows: Sequence[Row | None]) -> dict[str, tuple[str | None, ...]]:
        """Array to the key of each row's document; None for a hole, or a row without this array.

        Raises KeyDocError for a document that is no plain JSON.
        """
        found = b"".join(self._run(rows[first : first + RUN]) for first in range(0, len(rows), RUN))
        keys, step = _unpacked(found), len(self._arrays)
        return {array: keys[number::step] for number, array in enumerate(self._arrays)}

    def before(self, array: str, rows: slice) -> tuple[str | None, ...]:
        """Keys of `rows` as the last build left them; none where nothing is remembered."""
        step, number = len(self._arrays), self._arrays.index(array)
        size = KEY_BYTES * step
        block = b"".join(self._known.values())[rows.start * size : rows.stop * size]
        return _unpacked(block)[number::step]

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
            keys = b"".join(
                bytes.fromhex(_NONE if row is None or array not in row.docs else key_of(row.docs[array]))
                for row in rows
                for array in self._arrays
            )
        if spelled is not None:
            self._now[spelled] = keys
        return keys


def row_keys_damage(path: Path) -> str | None:
    """Describe what is wrong with the bytes of remembered row keys; None where nothing is."""
    data = path.read_bytes()
    whole = data[-KEY_BYTES:] == _digest(data[:-KEY_BYTES])
    return None if whole else "not as they were written; they will be digested anew"


def _spelled(rows: Sequence[Row | None]) -> bytes | None:
    """20 bytes that stand for the documents of a run; None where one is nothing that pickles."""
    spelled = io.BytesIO()
    pickler = pickle.Pickler(spelled, protocol=5)
    pickler.fast = (
        True  # by value: else what is one object twice is spelled otherwise than two that are equal
    )
    try:
        pickler.dump([None if row is None else row.docs for row in rows])
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


def _unpacked(keys: bytes) -> tuple[str | None, ...]:
    """Keys of 20 bytes as hex; None for zeros."""
    found: tuple[str | None, ...] = (*keys.hex(" ", KEY_BYTES).split(" "),) if keys else ()
    return tuple(None if key == _NONE else key for key in found) if _NONE in found else found


def _head(arrays: Sequence[str], count: int) -> bytes:
    document: JSON = {"format": FORMAT, "arrays": [*arrays], "runs": count}
    return canonical(document) + b"\n"


def _digest(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=KEY_BYTES).digest()
