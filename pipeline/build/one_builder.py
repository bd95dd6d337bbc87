"""One run of a stage at a time in a project's folder: two that interleave would publish a mix of both."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cache import key_of
from cache.locks import locked, try_locked
from cache.mount_check import mark, mounted
from pipeline.paths import Paths


@contextmanager
def one_builder(paths: Paths, stage: str) -> Iterator[None]:
    """Nobody else runs `stage` for this dataset of this project meanwhile, or for this table; says so where it waits.

    The lock lies in the cache, which builders of one project share; the kernel lets go of it when a builder dies.
    """
    root = paths.open_cache().root
    mark(root)
    lock = root / "work" / f"{key_of([str(paths.data.absolute()), stage])}.lock"
    with mounted(root):
        with try_locked(lock) as free:
            if free:
                yield
                return
        print(f"{stage}: another run of it is at work in {paths.root}: waiting for its end", file=sys.stderr)
        with locked(lock):
            yield
