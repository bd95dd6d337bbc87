"""Keys: a digest of plain JSON, so that the same facts give the same name on every machine."""

import json
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, TypeAlias

from .errors import KeyDocError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

FORMAT = "harcache-1"
"""Raised when the bytes of shards, records or stores change their meaning; part of every shard's key."""

KEY_BYTES = 20
"""blake2b-160: collisions are out of reach, and a key stays short enough for a file name."""

_SPELLER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_SCALARS = frozenset({str, int, bool, type(None)})
_INFINITY = float("inf")
_SEAL = re.compile(rb',"seal":"([0-9a-f]{40})"\}\Z')
_SEAL_BYTES = len(',"seal":""}') + 2 * KEY_BYTES


def canonical(doc: JSON) -> bytes:
    """One spelling for one document: sorted keys, no spaces, ASCII. Refuses what is not JSON."""
    _refuse_foreign(doc, "$")
    return _SPELLER.encode(doc).encode("ascii")


def spelled(doc: JSON) -> str:
    """`canonical`, as text, of a document that was digested before: it is not looked at again."""
    return _SPELLER.encode(doc)


def canonical_with(doc: dict[str, JSON], name: str, value: bytes) -> bytes:
    """`canonical` of a document with one member more, whose value is spelled already.

    {"a": 1, "c": 2} with "b" and `[3]` gives {"a":1,"b":[3],"c":2}.
    """
    before = canonical({member: value for member, value in doc.items() if member < name})
    behind = canonical({member: value for member, value in doc.items() if member > name})
    member = b"%b:%b" % (canonical(name), value)
    return b"{%b}" % b",".join(part for part in (before[1:-1], member, behind[1:-1]) if part)


def spelled_list(texts: Iterable[str | None]) -> bytes:
    """`canonical` of a list whose items are spelled already; None is null."""
    return ("[" + ",".join("null" if text is None else text for text in texts) + "]").encode("ascii")


def parsed(data: bytes) -> Any:
    """Plain JSON; NaN and infinity are none, whatever Python says. Raises ValueError."""

    def refuse(constant: str) -> JSON:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def key_of(doc: JSON) -> str:
    """40 hex digits: blake2b-160 of the canonical JSON. 1 and 1.0 and true differ, as they do in JSON."""
    return digest_of(canonical(doc))


def digest_of(data: bytes) -> str:
    """40 hex digits: blake2b-160 of bytes."""
    return blake2b(data, digest_size=KEY_BYTES).hexdigest()


def sealed(doc: dict[str, JSON]) -> bytes:
    """A document for the disk that answers for its own bytes: its last member, `seal`, digests what is before.

    {"a": 1} becomes {"a":1,"seal":"<blake2b-160 of {"a":1}>"}.
    """
    return sealed_text(canonical(doc))


def sealed_text(body: bytes) -> bytes:
    """`sealed` of a document that is spelled already."""
    return b'%b,"seal":"%b"}' % (body[:-1], digest_of(body).encode())


def seal_holds(data: bytes) -> bool:
    """Whether not one byte of what `sealed` wrote has changed; False where there is no seal."""
    found = _SEAL.search(data, max(0, len(data) - _SEAL_BYTES))
    if found is None:
        return False
    digest = blake2b(memoryview(data)[: found.start()], digest_size=KEY_BYTES)
    digest.update(b"}")
    return digest.hexdigest().encode() == found[1]


def _refuse_foreign(value: object, place: str) -> None:
    """Exact types only: subclasses (NumPy scalars, enums) spell themselves differently across versions."""
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is float:
        if value != value or value in (_INFINITY, -_INFINITY):
            raise KeyDocError(f"{place} is {value}; JSON has no NaN or infinity: use null or a string")
    elif kind is dict:
        _refuse_in_dict(value, place)  # type: ignore[arg-type]
    elif kind is list:
        for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            if type(item) not in _SCALARS:
                _refuse_foreign(item, f"{place}[{index}]")
    else:
        raise KeyDocError(
            f"{place} is a {kind.__module__}.{kind.__qualname__} ({value!r:.80}); only None, bool, int, "
            "float, str, list and dict make a key: convert it first (tuples to lists, arrays with .tolist())"
        )


def _refuse_in_dict(doc: dict[object, object], place: str) -> None:
    for name, item in doc.items():
        if type(name) is not str:
            raise KeyDocError(f"{place} has the key {name!r} of type {type(name).__name__}; keys must be str")
        if type(item) not in _SCALARS:
            _refuse_foreign(item, f"{place}.{name}")
