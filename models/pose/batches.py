"""Things put into lists of one size, as networks are given them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items, the last one of what is left."""
    waiting = iter(items)
    while some := list(islice(waiting, size)):
        yield some
