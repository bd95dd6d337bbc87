"""Taking over what was pulled: the shards of stores, so that nothing known is computed again."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache import Cache, CacheError
from cache.files import link_or_copy, remove
from cache.upkeep.adopt import Adopted, adopt_store
from pipeline.build.dvc_cache import dvc_files
from pipeline.errors import PipelineError

log = logging.getLogger(__name__)


def adopt_before_build(root: Path, cache: Cache, name: str, out: Path) -> Adopted | None:
    """Before a store's first build with this cache: adopt `out`, or what dvc.lock names it in DVC's cache.

    Costs one look where the cache knows the store's row order, so has built or adopted it. A store that is
    damaged, or a dvc.lock that cannot be read, is told of and not adopted: its rows are then computed.
    """
    if cache.order(name).exists():
        return None
    try:
        with at_hand(root, cache, out) as folder:
            return None if folder is None else adopt_store(folder, cache, name)
    except (CacheError, PipelineError) as error:
        log.warning("%s: computed instead of adopted: %s", name, error)
        return None


@contextmanager
def at_hand(root: Path, cache: Cache, out: Path) -> Iterator[Path | None]:
    """`out` where it is there, else a folder of links to DVC's copy of it, for as long as it is needed."""
    if out.exists():
        yield out
        return
    files = dvc_files(root, out)
    if files is None:
        yield None
        return
    held = cache.root / "work" / f"adopting-{out.name}-{os.getpid()}"
    folder = held / out.parent.name / out.name  # a list of seals is looked for by these names
    remove(held)
    try:
        for name, copy in sorted(files.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(copy, folder / name)
        yield folder
    finally:
        remove(held)
