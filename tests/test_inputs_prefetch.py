"""Prefetching changes neither the items, nor their order, nor an error; and its thread ends."""

import threading
from collections.abc import Iterator

import pytest

from pipeline.inputs.prefetch import prefetched


def _three_then_fail() -> Iterator[int]:
    yield from (1, 2, 3)
    raise ValueError("the fourth cannot be made")


def test_items_come_in_their_order() -> None:
    assert list(prefetched(iter(range(100)))) == list(range(100))


def test_an_error_is_raised_where_the_items_are_used() -> None:
    items = prefetched(_three_then_fail())
    assert [next(items), next(items), next(items)] == [1, 2, 3]
    with pytest.raises(ValueError, match="the fourth cannot be made"):
        next(items)


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    items = prefetched(iter(range(1000)))
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
