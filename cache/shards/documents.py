"""Documents: what each row of a shard was made of, in a file beside the shard that travels with the store.

The file is zstd of canonical JSON, then the table of the shard's checksums (see `checksums`; documents of before
there was one lack it), then the shard's key (20 bytes), then crc32c of all before. It holds no row keys: they are
digests of the documents, so whoever reads it knows whether they belong together. Times, hosts and ids are not in it:
the same shard has the same documents everywhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import google_crc32c
from numcodecs.zstd import Zstd

from ..errors import ShardError
from ..files import write_atomic
from ..keys import FORMAT, JSON, KEY_BYTES, canonical_with, key_of, spelled_list
from .checksums import FRAME_BYTES, framed, framed_table, table_bytes
from .records import RowFailure, recorded_checksums
from .specs import ArraySpec
from .spelled import SpelledDocs
from .zstd import content_size, unpacked

_LEVEL = 3
_CRC_BYTES = 4
_TAIL = KEY_BYTES + _CRC_BYTES
MAX_DOCUMENTS_BYTES = 512 << 20
"""Limit of one shard's unpacked documents; 16,384 rows of 2 KB are 32 MB."""


@dataclass(frozen=True, slots=True)
class Documents:
    """One shard's documents. B rows."""

    key: str
    """Key of the shard, digested anew from the rest, so that the two cannot disagree."""
    spec: Mapping[str, JSON]
    """`ArraySpec.key_document`."""
    rows_per_shard: int
    docs: tuple[JSON, ...]
    """B documents, None for a hole or a row without this array."""
    row_keys: tuple[str | None, ...]
    """B keys."""
    failures: Mapping[int, RowFailure]
    """Row in the shard to why it could not be made."""
    checksums: bytes | None = None
    """Each chunk's crc32c; None where the file has none."""


def documents_bytes(
    key: str, spec: Mapping[str, JSON], rows_per_shard: int, docs: SpelledDocs,
    failures: Mapping[int, RowFailure], checksums: bytes | None,
) -> bytes:  # fmt: skip
    """The file's content; the same for the same shard."""
    rows = (
        None
        if doc is None
        else f'{{"doc":{doc},"failed":{failures[number].spelled}}}'
        if number in failures
        else f'{{"doc":{doc}}}'
        for number, doc in enumerate(docs.own)
    )
    content: dict[str, JSON] = {
        "format": FORMAT, "spec": dict(spec), "rows_per_shard": rows_per_shard, "common": dict(docs.common),
    }  # fmt: skip
    spelled = canonical_with(content, "rows", spelled_list(rows))
    packed = bytes(Zstd(level=_LEVEL).encode(spelled))
    body = packed + (b"" if checksums is None else framed(checksums)) + bytes.fromhex(key)
    return body + _crc(body)


def write_documents(path: Path, data: bytes) -> None:
    """Write or replace the file, read-only, as stores link to this very file. The caller holds the shard's lock."""
    write_atomic(path, data)
    path.chmod(0o444)


def intact(data: bytes, key: str) -> bool:
    """Whether the bytes are what was written for the shard of that key; cheap."""
    return data[-_TAIL:-_CRC_BYTES] == bytes.fromhex(key) and data[-_CRC_BYTES:] == _crc(data[:-_CRC_BYTES])


def tail_bytes(spec: ArraySpec, rows_per_shard: int) -> int:
    """Return how many of the file's last bytes `tail_checksums` needs."""
    return table_bytes(spec, rows_per_shard) + FRAME_BYTES + _TAIL


def tail_checksums(data: bytes) -> bytes | None:
    """The table of the shard's checksums, by the file's last bytes; None where they hold none."""
    return framed_table(data[:-_TAIL])


def parse_documents(data: bytes, where: str) -> Documents:
    """Parse the file; every key is digested anew. Raises ShardError that names `where`."""
    if len(data) <= _TAIL or data[-_CRC_BYTES:] != _crc(data[:-_CRC_BYTES]):
        raise ShardError(f"{where}: the documents fail their crc32c")
    size = content_size(data[:18])
    if size is None or size > MAX_DOCUMENTS_BYTES:
        raise ShardError(
            f"{where}: the documents claim to be {size} bytes, {MAX_DOCUMENTS_BYTES} are read at most"
        )
    try:
        content: dict[str, Any] = json.loads(unpacked(Zstd(), memoryview(data)[:-_TAIL], size).tobytes())
        found = documents_from(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ShardError(f"{where}: the documents are unreadable ({error!r})") from error
    stated = data[-_TAIL:-_CRC_BYTES].hex()
    found = replace(found, checksums=tail_checksums(data))
    if found.key != stated:
        raise ShardError(f"{where}: the documents give the shard the key {found.key}, the file says {stated}")
    return found


def documents_from(content: Mapping[str, Any]) -> Documents:
    """Read documents from such a file's content or a shard's record; all keys are digested anew.

    Raises what comes of a content of another form: ValueError, KeyError, TypeError, AttributeError.
    """
    spec = {name: value for name, value in content["spec"].items() if name != "dims"}
    common, rows = content["common"], content["rows"]
    docs = tuple(None if row is None else _whole(common, row["doc"]) for row in rows)
    keys = tuple(None if doc is None else key_of(doc) for doc in docs)
    key = key_of({"spec": {**spec, "rows_per_shard": content["rows_per_shard"]}, "rows": list(keys)})
    failures = {
        number: RowFailure(**row["failed"])
        for number, row in enumerate(rows)
        if row is not None and "failed" in row
    }
    return Documents(key, spec, content["rows_per_shard"], docs, keys, failures, recorded_checksums(content))


def _whole(common: dict[str, JSON], own: JSON) -> JSON:
    return {**common, **own} if isinstance(own, dict) else own


def _crc(data: bytes) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(_CRC_BYTES, "little")
