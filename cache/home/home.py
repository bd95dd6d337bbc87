"""The cache's folder: where shards, records, locks, orders and blobs lie, and how it is kept clean."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpecError
from ..locks import try_locked
from .blobs import Blobs

_LEFT = (".tmp", ".json.tmp", ".documents.tmp", ".lock")
"""Ends of the names that a killed writer may leave."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """A folder that outlives every store; several people and processes may share it."""

    root: Path
    shared: Path | None = None
    """A lab's cache below this one, only read: what a build lacks is taken from there (see `home.shared`)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    @classmethod
    def from_env(cls, default: Path) -> "Cache":
        """The folder that HARCACHE_DIR names, else `default`; below it the one that HARCACHE_SHARED names, if any."""
        shared = os.environ.get("HARCACHE_SHARED")
        return cls(Path(os.environ.get("HARCACHE_DIR") or default), Path(shared) if shared else None)

    @property
    def blobs(self) -> Blobs:
        """Trained files, under keys of what they were trained on."""
        return Blobs(self.root)

    @property
    def in_use(self) -> Path:
        """Path of the lock that every build holds from its plan to its end, so that no input is collected."""
        return self.root / "in_use"

    def shard(self, key: str) -> Path:
        """Return the path of the shard with that key; a record beside it shows that it is complete."""
        return self.root / "shards" / key[:2] / key

    def record(self, key: str) -> Path:
        """The shard's record, written last."""
        return self.root / "shards" / key[:2] / f"{key}.json"

    def documents(self, key: str) -> Path:
        """Return the path of the shard's documents, as its stores carry them; written from the record if missing."""
        return self.root / "shards" / key[:2] / f"{key}.documents"

    def lock(self, key: str) -> Path:
        """Path of the lock that the writer of that shard holds."""
        return self.root / "shards" / key[:2] / f"{key}.lock"

    def order(self, name: str) -> Path:
        """Return the path of a store's remembered row order."""
        parts = name.split("/")
        if not all(part and part not in (".", "..") and part.isprintable() for part in parts):
            raise SpecError(f"a store's name is words joined by /, as demo/frames; got {name!r}")
        return self.root / "orders" / f"{name}.json"

    def row_keys(self, name: str) -> Path:
        """Return the path of a store's remembered row keys."""
        return (
            self.root / "row_keys" / self.order(name).relative_to(self.root / "orders").with_suffix(".keys")
        )

    def known_records(self, name: str) -> Path:
        """Return the path of what is remembered of the records of a store's shards."""
        return self.row_keys(name).with_suffix(".records")

    def holds(self, key: str) -> bool:
        """Whether the shard is there, whole as far as its record tells."""
        return self.record(key).exists() and self.shard(key).exists()

    def set_aside(self, key: str, why: str) -> None:
        """Take a damaged shard out of use, kept in damaged/ with its record: see `upkeep.derived`."""
        with try_locked(self.lock(key)) as free:
            if not free:
                return  # somebody else is at it
            log.warning("shard %s set aside in %s: %s", key, self.root / "damaged", why)
            aside = self.root / "damaged" / key
            aside.parent.mkdir(exist_ok=True)
            self.documents(key).unlink(missing_ok=True)
            for path in (self.record(key), self.shard(key)):  # the record first: it implies a file
                with suppress(FileNotFoundError):
                    path.replace(aside.with_suffix(path.suffix))

    def discard(self, key: str) -> int:
        """Remove a shard for good, unless somebody is at it; gives the bytes of its files."""
        size = 0
        with try_locked(self.lock(key)) as free:
            for path in (self.record(key), self.documents(key), self.shard(key)) if free else ():
                with suppress(FileNotFoundError):
                    size += path.stat().st_size
                    path.unlink()
        return size

    def sweep(self) -> dict[str, int]:
        """Remove what a killed writer left (unless someone is at it). Gives each whole shard's size."""
        sizes: dict[str, int] = {}
        for folder in sorted(self._shard_folders()):
            found = {entry.name: entry for entry in os.scandir(folder)}
            keys = sorted({name.split(".")[0] for name in found})
            for key in keys:
                if key in found and f"{key}.json" in found:
                    with suppress(FileNotFoundError):  # set aside by somebody else this very moment
                        sizes[key] = found[key].stat().st_size
                if {f"{key}{end}" for end in _LEFT} & found.keys() or key not in sizes:
                    self._tidy(key)
        for lock in (self.root / "damaged").glob(
            "*.lock"
        ):  # of one who died while it took away what was set aside
            with try_locked(lock):
                pass
        return sizes

    def _shard_folders(self) -> Iterator[str]:
        shards = self.root / "shards"
        if shards.is_dir():
            yield from (entry.path for entry in os.scandir(shards) if entry.is_dir())

    def _tidy(self, key: str) -> None:
        with try_locked(self.lock(key)) as free:
            if not free:
                return
            for end in _LEFT[:-1]:
                self.shard(key).with_name(key + end).unlink(missing_ok=True)
            if not self.shard(key).exists():
                self.record(key).unlink(missing_ok=True)
            elif not self.record(key).exists():
                self.shard(key).unlink(missing_ok=True)
            if not self.record(key).exists():
                self.documents(key).unlink(missing_ok=True)
