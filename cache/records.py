"""Records: the truth beside each shard. What each row was made of, how it ended, when and where."""

import json
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache as remembered
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .keys import FORMAT, JSON
from .specs import ArraySpec


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that cannot be made, and why. It is remembered, and the row stays fill."""

    error: str
    """The error's class name."""
    message: str


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One row of a shard, as its record tells it."""

    id: str
    key: str
    failed: RowFailure | None


@dataclass(frozen=True, slots=True)
class Record:
    """What the index and the store need of a record; the file holds more (documents, times, host)."""

    key: str
    spec: ArraySpec
    rows_per_shard: int
    size: int
    """Bytes of the shard."""
    digest: str
    """blake2b-160 of the shard's bytes."""
    rows: tuple[RecordedRow | None, ...]
    """In row order; None for a hole."""


def record_document(
    *,
    key: str, spec: ArraySpec, rows_per_shard: int, size: int, digest: str,
    ids: Sequence[str | None], row_keys: Sequence[str | None], docs: Sequence[JSON],
    failures: Mapping[int, RowFailure], copied_from: Mapping[int, str],
    seconds: float, made_with: Mapping[str, JSON],
) -> bytes:  # fmt: skip
    """The record's bytes. A row's document is `common` with its own `doc` laid over it."""
    common, own = factored(docs)
    rows: list[dict[str, JSON] | None] = []
    for number, (row_id, row_key, doc) in enumerate(zip(ids, row_keys, own, strict=True)):
        if row_id is None or row_key is None:
            rows.append(None)
            continue
        row: dict[str, JSON] = {"id": row_id, "key": row_key, "doc": doc}
        if number in failures:
            row["failed"] = asdict(failures[number])
        if number in copied_from:
            row["copied_from"] = copied_from[number]
        rows.append(row)
    document = {
        "format": FORMAT, "key": key, "spec": spec.document(), "rows_per_shard": rows_per_shard,
        "size": size, "digest": digest, "common": common, "rows": rows, "seconds": round(seconds, 6),
        "versions": dict(_versions()), "host": socket.gethostname(), "made_with": dict(made_with),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode("ascii")


def read_record(path: Path) -> Record:
    """Raises ValueError, KeyError or TypeError where the file is not a record."""
    document = json.loads(path.read_bytes())
    rows = tuple(None if row is None else _row(row) for row in document["rows"])
    return Record(
        key=document["key"], spec=ArraySpec.from_document(document["spec"]),
        rows_per_shard=document["rows_per_shard"], size=document["size"], digest=document["digest"],
        rows=rows,
    )  # fmt: skip


def factored(docs: Sequence[JSON]) -> tuple[dict[str, JSON], list[JSON]]:
    """Split documents into what all share and what is each one's own, so that 16,000 rows stay small.

    [{"step": "a", "id": 1}, {"step": "a", "id": 2}] gives {"step": "a"} and [{"id": 1}, {"id": 2}].
    None stands for a row without a document. Where one is not a dict nothing is shared.
    """
    present = [doc for doc in docs if doc is not None]
    if not present or not all(isinstance(doc, dict) for doc in present):
        return {}, list(docs)
    shared = dict(present[0])  # type: ignore[arg-type]
    spelled = {name: _spelled(value) for name, value in shared.items()}
    for doc in present:
        for name in [n for n, value in shared.items() if not _same(doc, n, value, spelled[n])]:
            del shared[name]
    own = [
        {n: v for n, v in doc.items() if n not in shared} if isinstance(doc, dict) else doc for doc in docs
    ]
    return shared, list(own)


def _same(doc: Any, name: str, value: JSON, spelled: str) -> bool:
    if name not in doc:
        return False
    other = doc[name]
    if other is value or (type(other) is str and other == value):
        return True
    return bool(other == value and _spelled(other) == spelled)  # 1 == True, but not in JSON


def _spelled(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _row(row: dict[str, Any]) -> RecordedRow:
    failed = row.get("failed")
    return RecordedRow(row["id"], row["key"], RowFailure(**failed) if failed else None)


@remembered
def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("numcodecs", "numpy", "zarr")
    return (("python", platform.python_version()), *((name, version(name)) for name in packages))
