"""Records beside each shard: the document of each row, its outcome, when and where it was computed."""

import getpass
import json
import os
import platform
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache as remembered
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import ShardError
from ..keys import FORMAT, JSON, canonical_with, seal_holds, sealed_text, spelled, spelled_list
from .specs import ArraySpec
from .spelled import SpelledDocs

MEND = "run `python cli.py cache repair`: it makes anew only what is damaged"
_FIELDS = frozenset(
    {
        "common", "digest", "format", "host", "key", "made_at", "made_with", "rows", "rows_per_shard",
        "seconds", "size", "spec", "versions",
    }
)  # fmt: skip
"""What a record held before it had a seal."""

PROVEN = "inputs_proven"
"""Whether every row was proven before it was copied or read (see `upkeep.derived`); older records do not tell."""


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that cannot be made, and why. It is remembered, and the row stays fill."""

    error: str
    """The error's class name."""
    message: str

    @property
    def spelled(self) -> str:
        """It as canonical JSON."""
        return spelled({"error": self.error, "message": self.message})


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One row of a shard, as its record tells it."""

    id: str
    key: str
    failed: RowFailure | None


@dataclass(frozen=True)
class Record:
    """The part of a record that the index and the store need; the file holds more (documents, times, host)."""

    key: str
    spec: ArraySpec
    rows_per_shard: int
    size: int
    """Bytes of the shard."""
    digest: str
    """blake2b-160 of the shard's bytes."""
    common: Mapping[str, JSON]
    """Members that the documents of all its rows share."""
    mtime_ns: int | None
    """The file's time when it was proven to be this; None in records of before it was kept."""
    checksums: bytes | None
    """Each chunk's crc32c (see `checksums`); None in records of before there was such a table."""
    failures: Mapping[int, RowFailure]
    """Row in the shard to why it could not be made."""
    rows_json: bytes | Path = field(repr=False)
    """Its rows as the file has them, or the file; most who ask for a record need none of them."""

    @cached_property
    def rows(self) -> tuple[RecordedRow | None, ...]:
        """In row order; None for a hole. Raises ShardError."""
        rows = self.rows_json if isinstance(self.rows_json, bytes) else read_record(self.rows_json).rows_json
        assert isinstance(rows, bytes)  # as a file that was just read has them
        try:
            return tuple(None if row is None else _row(row) for row in json.loads(rows))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShardError(f"the record of shard {self.key} is unreadable ({error!r}); {MEND}") from error

    @property
    def summary(self) -> dict[str, JSON]:
        """All but the rows, as JSON: what `summarised` takes."""
        table = None if self.checksums is None else b64encode(self.checksums).decode("ascii")
        failures: dict[str, JSON] = {str(row): asdict(why) for row, why in self.failures.items()}
        return {
            "key": self.key, "spec": self.spec.document(), "rows_per_shard": self.rows_per_shard, "size": self.size,
            "digest": self.digest, "common": dict(self.common), "mtime_ns": self.mtime_ns, "checksums": table,
            "failures": failures,
        }  # fmt: skip


def record_document(
    *,
    key: str, spec: ArraySpec, rows_per_shard: int, size: int, digest: str, checksums: bytes | None,
    ids: Sequence[str | None], row_keys: Sequence[str | None], docs: SpelledDocs,
    failures: Mapping[int, RowFailure], copied_from: Mapping[int, str], mtime_ns: int,
    seconds: float, made_with: Mapping[str, JSON], proven: bool = True,
) -> bytes:  # fmt: skip
    """The record's bytes. A row's document is `common` with its own `doc` laid over it.

    docs: what `row_keys` are digests of; none where there is no key.

    proven: whether what the rows were made of was proven as it was read.
    """
    rows = (
        None
        if row_id is None or row_key is None or doc is None
        else _row_text(row_id, row_key, doc, failures.get(number), copied_from.get(number))
        for number, (row_id, row_key, doc) in enumerate(zip(ids, row_keys, docs.own, strict=True))
    )
    document: dict[str, JSON] = {
        "format": FORMAT, "key": key, "spec": spec.document(), "rows_per_shard": rows_per_shard,
        "size": size, "digest": digest, "common": dict(docs.common),
        "mtime_ns": mtime_ns, PROVEN: proven, "seconds": round(seconds, 6),
        "versions": dict(_versions()), "made_with": dict(made_with), **who_and_when(),
    }  # fmt: skip
    if checksums is not None:
        document["checksums"] = b64encode(checksums).decode("ascii")
    return sealed_text(canonical_with(document, "rows", spelled_list(rows)))


def _row_text(row_id: str, row_key: str, doc: str, failed: RowFailure | None, copied_from: str | None) -> str:
    """One row as canonical JSON."""
    copied = "" if copied_from is None else f'"copied_from":"{copied_from}",'
    why = "" if failed is None else f'"failed":{failed.spelled},'
    return f'{{{copied}"doc":{doc},{why}"id":{spelled(row_id)},"key":"{row_key}"}}'


def who_and_when() -> dict[str, JSON]:
    """Return host, user and time of this moment, which records state and stores never do."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"host": socket.gethostname(), "user": user, "made_at": now}


def read_record_document(path: Path) -> dict[str, Any]:
    """Read the whole record. Raises ShardError where it is damaged."""
    data = path.read_bytes()
    try:
        document: dict[str, Any] = json.loads(data)
        older = "seal" not in document  # records of before there were seals
    except (ValueError, TypeError) as error:
        raise ShardError(f"record {path} is unreadable ({error!r}); {MEND}") from error
    if not (seal_holds(data) or (older and not document.keys() - _FIELDS)):
        raise ShardError(f"record {path} fails its seal; {MEND}")
    return document


def read_record(path: Path) -> Record:
    """The part of a record that the index and stores need. Raises ShardError where it is damaged."""
    data = path.read_bytes()
    try:
        document, rows = _apart(data) if seal_holds(data) else (None, b"")
        if document is None:
            document = read_record_document(path)
            rows = json.dumps(document["rows"]).encode()
            [*map(_row, filter(None, document["rows"]))]
        return summarised({**document, "failures": _failures(rows)}, rows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardError(f"record {path} is unreadable ({error!r}); {MEND}") from error


def summarised(summary: Mapping[str, Any], rows: bytes | Path) -> Record:
    """The record of that summary, whose rows are as given. Raises what comes of a summary of another form."""
    return Record(
        key=summary["key"], spec=ArraySpec.from_document(summary["spec"]),
        rows_per_shard=summary["rows_per_shard"], size=summary["size"], digest=summary["digest"],
        common=summary["common"], checksums=recorded_checksums(summary), mtime_ns=summary.get("mtime_ns"),
        failures={int(row): RowFailure(**why) for row, why in summary["failures"].items()}, rows_json=rows,
    )  # fmt: skip


def _failures(rows: bytes) -> dict[int, dict[str, str]]:
    """Row to why it could not be made; rows that hold no such word are not parsed."""
    if b'"failed":' not in rows:
        return {}
    listed = enumerate(json.loads(rows))
    return {number: row["failed"] for number, row in listed if row is not None and row.get("failed")}


def _apart(data: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """A record without its rows, most of its bytes, and those as they are; None where they cannot be told apart.

    {"key": "a", "rows": [1, 2], "rows_per_shard": 2} gives {"key": "a", "rows_per_shard": 2} and [1, 2]. No document
    follows behind the rows. One before them that has a member "rows" is cut in its midst: what is left is no JSON.
    """
    start, end = data.find(b',"rows":['), data.rfind(b'],"rows_per_shard":') + 1
    try:
        return (json.loads(data[:start] + data[end:]) if 0 < start < end else None), data[start + 8 : end]
    except ValueError:
        return None, b""


def recorded_checksums(document: Mapping[str, Any]) -> bytes | None:
    """The table of chunks' crc32c that a record holds, if any. Raises ValueError."""
    encoded = document.get("checksums")
    return None if encoded is None else b64decode(encoded, validate=True)


def _row(row: dict[str, Any]) -> RecordedRow:
    failed = row.get("failed")
    return RecordedRow(row["id"], row["key"], RowFailure(**failed) if failed else None)


@remembered
def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("numcodecs", "numpy", "zarr")
    return (("python", platform.python_version()), *((name, version(name)) for name in packages))
