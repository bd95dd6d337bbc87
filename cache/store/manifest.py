"""A store's manifest: every file with its size and digest, read entry by entry, what is damaged told in words."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from ..keys import FORMAT, JSON, canonical, digest_of, key_of, parsed
from ..layout import MANIFEST

MANIFEST_LIMIT_BYTES = 64 << 20
"""A store of 300 files has one of 50 kB."""
_FILE_NAME = re.compile(
    r"zarr\.json|[A-Za-z][A-Za-z0-9_]*/(zarr\.json|c(\.\d{1,9}){1,33}|documents\.\d{1,9})"
)
_DIGEST = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The manifest's entry for one file."""

    size: int
    """Bytes."""
    digest: str
    """blake2b-160."""
    checksums: str | None = None
    """blake2b-160 of the table of a shard's crc32c; None for other files and in stores of before it was kept."""

    table: bytes | None = None
    """That table itself, where it is small: one chunk is then read without asking the shard's documents for it."""

    def document(self) -> dict[str, JSON]:
        """The entry as the manifest has it."""
        more: dict[str, JSON] = {} if self.checksums is None else {"checksums": self.checksums}
        if self.table is not None:
            more["table"] = base64.b64encode(self.table).decode()
        return {"size": self.size, "blake2b160": self.digest, **more}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of each file by a manifest, and what cannot be trusted of it."""

    files: Mapping[str, FileFacts]
    """Name relative to the store to its facts; a hint at best where there is damage."""
    damage: str | None
    """Damage of the manifest as a whole (unreadable, …); None where not one byte of it changed."""
    digest: str = ""
    """Its own: it names the whole store's content."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Name of an entry that no store has, to what is wrong with it; not among `files`."""

    @property
    def problem(self) -> str | None:
        """Why nothing should be read by it, as words behind "its manifest.json is"; None where all of it can be."""
        if self.damage is not None or not self.refused:
            return self.damage
        name, why = next(iter(self.refused.items()))
        more = f", and {len(self.refused) - 1:,} entries more" if len(self.refused) > 1 else ""
        return f"unreadable ({name!r:.80} {why}{more})"


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest; empty, and damaged, where it cannot be had."""
    try:
        return parse_manifest((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return Manifest({}, "missing: no store, or never finished")
    except OSError as error:
        return Manifest({}, f"unreadable ({error})")


def parse_manifest(data: bytes) -> Manifest:
    """Check a manifest against its own digest, byte for byte, and each of its entries; never raises."""
    try:
        content = parsed(data)
        digest = content.pop("digest")
        body = canonical(content)
        sound = digest_of(body) == digest and data == b'{"digest":"%b",%b\n' % (digest.encode(), body[1:])
        entries = content["files"].items()
        if content["format"] != FORMAT:
            return Manifest({}, f"of the format {content['format']!r:.40}, this code reads {FORMAT!r}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Manifest({}, f"unreadable ({error!r:.300})")
    files: dict[str, FileFacts] = {}
    refused: dict[str, str] = {}
    for name, entry in entries:
        facts = _facts(name, entry)
        if isinstance(facts, FileFacts):
            files[name] = facts
        else:
            refused[name] = facts
    return Manifest(files, None if sound else "not what its own digest says", str(digest), refused)


def sealed_manifest(files: Mapping[str, FileFacts]) -> bytes:
    """A manifest for the disk, its own digest in it: what `parse_manifest` takes."""
    content: dict[str, JSON] = {
        "format": FORMAT,
        "files": {name: facts.document() for name, facts in files.items()},
    }
    return canonical({**content, "digest": key_of(content)}) + b"\n"


def _facts(name: str, entry: Any) -> FileFacts | str:
    """The entry's facts, or what is wrong with it."""
    if not _FILE_NAME.fullmatch(name):
        return "is no name of a store's file"
    if not isinstance(entry, dict):
        return f"cannot be {entry!r:.40}"
    size, digest, checksums = entry.get("size"), entry.get("blake2b160"), entry.get("checksums")
    if type(size) is not int or size < 0:
        return f"cannot be of {size!r:.40} bytes"
    if not _is_digest(digest):
        return f"cannot have the blake2b160 {digest!r:.60}"
    if checksums is not None and not _is_digest(checksums):
        return f"cannot have the checksums {checksums!r:.60}"
    table = _table(entry.get("table"))
    if "table" in entry and (table is None or digest_of(table) != checksums):
        return f"cannot have the table {entry['table']!r:.60}"
    return FileFacts(size, digest, checksums, table)


def _table(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None


def _is_digest(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
