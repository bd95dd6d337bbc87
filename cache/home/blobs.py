"""Blobs: what was learned (weights, predictions), kept in a folder named by what it was learned from."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import SpecError
from ..files import full_disk_explained, remove, sync_folder
from ..keys import FORMAT, JSON, digest_of, key_of
from ..locks import locked
from ..mount_check import mark, mounted
from ..shards.records import PROVEN

_RECORD = "record.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of one cache."""

    root: Path

    def find(self, doc: JSON) -> Path | None:
        """The folder of what was made from `doc`, every file verified; None where it must be made (again)."""
        folder = self.folder(key_of(doc))
        if not folder.exists():
            return None
        why = blob_damage(folder)
        if why is None:
            return folder
        self._set_aside(folder, why)
        return None

    def put(self, doc: JSON, files: Mapping[str, bytes], record: JSON, *, proven: bool = True) -> Path:
        """Keep files under what they were made from; gives their folder. Ends the work folder.

        record: whatever is worth knowing (seconds, device, versions); it is part of no key.
        proven: whether what the files were learned from was proven as it was read.
        """
        key = key_of(doc)
        folder = self.folder(key)
        for name in files:
            if name in (_RECORD, "", "..") or Path(name).name != name:
                raise SpecError(f"a blob's file needs a plain name other than {_RECORD}, got {name!r}")
        with locked(folder.with_name(f"{key}.lock")):
            if folder.exists() and blob_damage(folder) is None:
                log.info("blob %s was made by another process meanwhile; its files stay", key)
            else:
                self._write(folder, _contents(key, doc, files, record, proven=proven))
            remove(self._work(key))
        return folder

    def take(self, key: str, contents: Mapping[str, bytes]) -> bool:
        """Keep another cache's blob, its record among its files; False where they are not what was put there."""
        folder = self.folder(key)
        with locked(folder.with_name(f"{key}.lock")):
            if not folder.exists():
                self._write(folder, contents)
            why = blob_damage(folder)
            if why is not None:
                remove(folder)
        return why is None

    @contextmanager
    def alone(self, doc: JSON) -> Iterator[None]:
        """Nobody else makes this blob meanwhile; waits, so that the second of two finds what the first made."""
        mark(self.root)
        with mounted(self.root), locked(self.root / "work" / f"{key_of(doc)}.lock"):
            yield

    def workdir(self, doc: JSON) -> Path:
        """A folder of one's own to resume from, kept until `put`."""
        folder = self._work(key_of(doc))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def folder(self, key: str) -> Path:
        """Return the path of the blob with that key, which may not be there."""
        return self.root / "blobs" / key[:2] / key

    def _work(self, key: str) -> Path:
        return self.root / "work" / key

    def _write(self, folder: Path, contents: Mapping[str, bytes]) -> None:
        aside = folder.with_name(f"{folder.name}.tmp")
        remove(aside)
        remove(folder)
        try:
            with full_disk_explained(aside, "a blob"):
                aside.mkdir()
                for name, data in contents.items():
                    with (aside / name).open("wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                sync_folder(aside)
                aside.rename(folder)
                sync_folder(folder.parent)
        finally:
            remove(aside)

    def _set_aside(self, folder: Path, why: str) -> None:
        target = self.root / "damaged" / folder.name
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists() or blob_damage(folder) is None:
                return  # another process has dealt with it
            log.warning("blob %s set aside in %s: %s", folder, target, why)
            target.parent.mkdir(exist_ok=True)
            remove(target)
            folder.rename(target)


def _contents(
    key: str, doc: JSON, files: Mapping[str, bytes], record: JSON, *, proven: bool
) -> dict[str, bytes]:
    facts: dict[str, JSON] = {
        name: {"size": len(data), "blake2b160": digest_of(data)} for name, data in sorted(files.items())
    }
    document: dict[str, JSON] = {
        "format": FORMAT, "key": key, "doc": doc, "files": facts, "record": record, PROVEN: proven,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    document["digest"] = key_of(document)
    return {**files, _RECORD: _spelled(document)}


def blob_document(folder: Path) -> JSON:
    """Return the document of the blob in that folder."""
    document: JSON = json.loads((folder / _RECORD).read_bytes())["doc"]
    return document


def blob_damage(folder: Path) -> str | None:
    """Why the folder is not what was put there, every byte of every file; None where it is."""
    try:
        data = (folder / _RECORD).read_bytes()
        document: dict[str, Any] = json.loads(data)
        digest = document.pop("digest")
        if key_of(document) != digest or _spelled({**document, "digest": digest}) != data:
            return f"{_RECORD} does not match its own digest"
        if not key_of(document["doc"]) == document["key"] == folder.name:
            return f"{_RECORD} is that of blob {document['key']}"
        strangers = {path.name for path in folder.iterdir()} - {_RECORD, *document["files"]}
        if strangers:
            return f"{', '.join(sorted(strangers))}: not among its files"
        for name, facts in document["files"].items():
            if digest_of((folder / name).read_bytes()) != facts["blake2b160"]:
                return f"{name} is not what was written"
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"unreadable ({error!r})"
    return None


def _spelled(document: dict[str, JSON]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii")
