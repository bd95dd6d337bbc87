"""Cyclic garbage collection, put off while many small objects are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no cyclic garbage meanwhile; as a decorator: while the function runs.

    The collector runs after so many new containers, and looks at each one that is alive. With the documents of
    100,000 rows that is a fifth of a second a time, and finds nothing. Not for what runs code of others.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
