"""Stores that come from other labs, placed in a project: where they lie says what they are called in builds."""

from pathlib import Path

from cache.exchange.importing import Imported, import_store
from pipeline.paths import Paths


def import_into(
    project: Path, source: str, to: Path, *, adopt: bool = True, digest: str | None = None
) -> Imported:
    """Check the store in `source` and place it at `to`; its shards go into the project's cache too.

    A store at data/<dataset>/<name>.zarr is <dataset>/<name> in builds: its rows' order is kept as well.
    """
    cache = Paths(project, "").open_cache() if adopt else None
    return import_store(source, to, cache=cache, name=store_name(project, to), digest=digest)


def store_name(project: Path, store: Path) -> str | None:
    """Return "demo/features" for data/demo/features.zarr below the project; None elsewhere."""
    data, path = (project / "data").absolute(), store.absolute()
    if path.suffix != ".zarr" or path.parent.parent != data:
        return None
    return f"{path.parent.name}/{path.stem}"
