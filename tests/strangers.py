"""Stores as a liar makes them: whatever was changed, every digest fits again."""

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cache.keys import canonical, digest_of, key_of
from cache.shards.documents import tail_checksums
from cache.shards.specs import ArraySpec
from cache.shards.writing import ShardWriter

Files = dict[str, bytes]
"""A store's files by name."""


def sealed(files: Files) -> Files:
    """The files with a manifest that fits them: a liar takes care of that."""
    listed: dict[str, Any] = {
        name: {"size": len(data), "blake2b160": digest_of(data)}
        for name, data in sorted(files.items()) if name != "manifest.json"
    }  # fmt: skip
    for name, facts in listed.items():
        array, _, file = name.partition("/")
        table = (
            tail_checksums(files.get(f"{array}/documents.{file.split('.')[1]}", b""))
            if "/c." in name
            else None
        )
        if table is not None:
            facts |= {"checksums": digest_of(table), "table": base64.b64encode(table).decode()}
    content: dict[str, Any] = {"format": "harcache-1", "files": listed}
    return {**files, "manifest.json": canonical({**content, "digest": key_of(content)}) + b"\n"}


def with_card(files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
    """The group's zarr.json changed, and every digest made to fit."""
    card = json.loads(files["zarr.json"])
    change(card)
    arrays = {
        f"{name}/zarr.json": (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
        for name, document in card["consolidated_metadata"]["metadata"].items()
    }
    return sealed(
        {**files, **arrays, "zarr.json": (json.dumps(card, indent=2, sort_keys=True) + "\n").encode()}
    )


def zipped(path: Path, files: Files, change: Callable[[zipfile.ZipInfo], None] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name)
            if change is not None:
                change(info)
            archive.writestr(info, data)
    return path


def in_folder(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def coordinate(tmp_path: Path, name: str, rows: list[bytes], width: int) -> bytes:
    """A coordinate's shard with these rows, as a liar writes it."""
    spec = ArraySpec(name, "uint8", (width,), ("byte",), chunk_rows=len(rows), codec="zstd")
    writer = ShardWriter(tmp_path / "source_shard", spec, len(rows))
    for row in rows:
        writer.write(np.frombuffer(row.ljust(width, b"\0"), np.uint8))
    writer.close()
    return (tmp_path / "source_shard").read_bytes()
