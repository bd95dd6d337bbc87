"""Opens catalogs and stores once per process, and again when they were replaced meanwhile."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cache import Store, open_store
from pipeline.catalog.catalog import Catalog, Entry, read_catalog
from pipeline.stand_ins import stand_in


def opened_store(path: Path) -> Store:
    """The store at `path`, or what a plan expects there."""
    planned: Store | None = stand_in(path)
    return planned or _store(path, _identity(path / "manifest.json"))


def opened_catalog(path: Path) -> Catalog:
    """The catalog at `path`, or what a plan expects there."""
    planned: Catalog | None = stand_in(path)
    return planned or _catalog(path, _identity(path))


def opened_entries(path: Path) -> Mapping[str, Entry]:
    """The catalog's entries by clip id."""
    return _entries(path, _identity(path))


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=16)
def _store(path: Path, _: tuple[int, int, int]) -> Store:
    return open_store(path)


@lru_cache(maxsize=2)
def _catalog(path: Path, _: tuple[int, int, int]) -> Catalog:
    return read_catalog(path)


@lru_cache(maxsize=2)
def _entries(path: Path, identity: tuple[int, int, int]) -> Mapping[str, Entry]:
    return _catalog(path, identity).by_id


def made_keys(store: Store, array: str) -> dict[str, str]:
    """Return the key of each clip's document in `array`, for the clips that did not fail."""
    failed = {failure["id"] for failure in store.failures if failure.get("array", array) == array}
    return {clip_id: key for clip_id, key in store.keys(array).items() if clip_id not in failed}
