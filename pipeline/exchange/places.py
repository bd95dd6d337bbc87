"""Places to publish a store at: a folder, a bucket of S3, or what else fsspec knows. fsspec's one room in pipeline."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import fsspec

from cache.layout import MANIFEST
from cache.store.manifest import FileFacts, parse_manifest
from pipeline.errors import DatasetError

Content: TypeAlias = bytes | Path
"""A file that is to be sent: its bytes, or where they lie."""
JOURNAL = ".publishing.json"
"""Beside the store while it is sent, after its name: which of its files are there, whole, if this ends half way."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Outcome of sending a store."""

    files: int
    bytes: int
    kept: int
    """Files that were there already."""
    removed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Comparison of the files at a place with those that shall lie there."""

    files: int
    """Number of files that the manifest lists."""
    same: Mapping[str, FileFacts]
    """Those that are there already, whole."""
    strange: tuple[str, ...]
    """Names of files there that the store does not have."""
    manifest: bytes | None = field(repr=False)
    """The manifest there; None without one."""

    def is_same(self, manifest: bytes) -> bool:
        """Whether there is nothing to do."""
        return self.manifest == manifest and len(self.same) == self.files and not self.strange

    @property
    def nothing_sent(self) -> Sent:
        """Outcome of doing nothing."""
        return Sent(0, 0, self.files + 1, 0)


class Place:
    """The folder at an address."""

    def __init__(self, to: str) -> None:
        """Raise DatasetError where nothing can be published there."""
        scheme = to.partition("://")[0] if "://" in to else ""
        if scheme in ("http", "https"):
            raise DatasetError(
                f"--to {to}: publish to a folder, s3://BUCKET/PATH or hf://datasets/USER/NAME. For a web server, copy "
                "the folder there"
            )
        try:
            self._fs, root = fsspec.core.url_to_fs(to)
        except (ImportError, ValueError) as error:
            raise DatasetError(
                f"--to {to} cannot be reached ({error}); S3 needs: pip install s3fs, the Hugging Face Hub: "
                "pip install huggingface_hub"
            ) from error
        self._root = root.rstrip("/")
        self.folder = Path(root) if "file" in self._fs.protocol else None
        """The folder, where it is one of this machine."""
        self.address = to.rstrip("/")

    def send(self, name: str, content: Content) -> int:
        """Write one file, replacing what is there; gives its size in bytes."""
        path = f"{self._root}/{name}"
        if self.folder is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            self._fs.put_file(str(content), path)
            return content.stat().st_size
        self._fs.pipe_file(path, content)
        return len(content)

    def send_store(
        self, store: str, files: Mapping[str, Content], facts: Mapping[str, FileFacts], manifest: bytes
    ) -> Sent:
        """Make the store at `store` in this folder be those files, sending only those that are not there.

        The manifest goes first where there is one, and comes back last: what is half sent opens nowhere. files, facts:
        what the manifest lists. Raises DatasetError where something else lies there.
        """
        plan = self.planned(store, facts)
        if plan.is_same(manifest):
            return plan.nothing_sent
        same, strange = dict(plan.same), plan.strange
        self._note(store, same)
        self._remove(
            [
                f"{store}/{name}"
                for name in ([MANIFEST] if plan.manifest is not None else []) + sorted(strange)
            ]
        )
        size, kept = 0, len(same)
        for name in sorted(facts.keys() - same.keys()):
            size += self.send(f"{store}/{name}", files[name])
            same[name] = facts[name]
            self._note(store, same)
        size += self.send(f"{store}/{MANIFEST}", manifest)
        self._remove([store + JOURNAL])
        return Sent(len(facts) + 1 - kept, size, kept, len(strange))

    def finish(self) -> None:
        """Make everything that was sent be there; here it is as soon as it was sent."""

    def opened_at(self, store: str) -> str:
        """Address under which others open the store."""
        return f"{self.address}/{store}"

    def reader_options(self) -> dict[str, Any] | None:
        """Return what `harstore.open` needs at `opened_at`; None where the environment says it all."""
        return None

    def planned(self, store: str, facts: Mapping[str, FileFacts]) -> "Plan":
        """Compare what lies at `store` with the files that shall."""
        there = self._sizes(store)
        known = self._known(store, there)
        same = {
            name: fact for name, fact in facts.items()
            if there.get(name) == fact.size and name in known and known[name].digest == fact.digest
        }  # fmt: skip
        old = self.whole(f"{store}/{MANIFEST}") if MANIFEST in there else None
        return Plan(len(facts), same, tuple(sorted(there.keys() - facts.keys() - {MANIFEST})), old)

    def others(self, store: str) -> list[str]:
        """Names of other stores in this folder."""
        self._fs.invalidate_cache()
        found = self._fs.ls(self._root, detail=False) if self._fs.exists(self._root) else []
        names = (path.rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name.endswith(".zarr") and name != store)

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder of this place; none where there is no such folder."""
        self._fs.invalidate_cache()
        root = f"{self._root}/{folder}"
        found = self._fs.ls(root, detail=False) if self._fs.exists(root) else []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def _sizes(self, store: str) -> dict[str, int]:
        """Every file below `store`, by its name in it."""
        self._fs.invalidate_cache()
        root = f"{self._root}/{store}"
        found: Mapping[str, Any] = self._fs.find(root, detail=True)
        return {path.removeprefix(root).strip("/"): facts["size"] for path, facts in found.items()}

    def _known(self, store: str, there: Collection[str]) -> Mapping[str, FileFacts]:
        """Files that an earlier publication left whole, by its manifest, or by the journal of one that was cut off."""
        if self._fs.exists(f"{self._root}/{store}{JOURNAL}"):
            return _noted(self.whole(store + JOURNAL))
        if MANIFEST in there:
            return parse_manifest(self.whole(f"{store}/{MANIFEST}")).files
        if there:
            raise DatasetError(
                f"{self.address}/{store} holds files that no publication left: move them away, or publish elsewhere"
            )
        return {}

    def _note(self, store: str, sent: Mapping[str, FileFacts]) -> None:
        entries = {name: facts.document() for name, facts in sorted(sent.items())}
        self.send(store + JOURNAL, json.dumps(entries).encode())

    def whole(self, name: str) -> bytes:
        """Read one file."""
        return bytes(self._fs.cat_file(f"{self._root}/{name}"))

    def _remove(self, names: Collection[str]) -> None:
        for name in names:
            self._fs.rm_file(f"{self._root}/{name}")


def content_bytes(content: Content) -> int:
    """Return the number of bytes of a file that is to be sent."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _noted(data: bytes) -> dict[str, FileFacts]:
    """A journal's files; none where it was cut off itself: then all is sent again."""
    try:
        return {
            name: FileFacts(entry["size"], entry["blake2b160"]) for name, entry in json.loads(data).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
