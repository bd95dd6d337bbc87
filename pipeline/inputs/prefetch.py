"""Prepares the next batch while the network trains on the present one."""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

AHEAD = 2
"""Number of batches prepared in advance."""


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items in the same order, made by a separate thread; errors of `items` are raised here."""
    ready: Queue[tuple[Item | None, BaseException | None]] = Queue(maxsize=AHEAD)
    stopped = Event()
    maker = Thread(target=_make, args=(items, ready, stopped), daemon=True)
    maker.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        maker.join()


def _make(
    items: Iterator[Item], ready: "Queue[tuple[Item | None, BaseException | None]]", stopped: Event
) -> None:
    """Hand over each item, then None; or the error that ended them, whatever it is."""
    try:
        for item in items:
            if not _handed_over((item, None), ready, stopped):
                return
        _handed_over((None, None), ready, stopped)
    except BaseException as error:  # noqa: BLE001  # it is raised again by the thread that waits
        _handed_over((None, error), ready, stopped)


def _handed_over(
    one: tuple[Item | None, BaseException | None],
    ready: "Queue[tuple[Item | None, BaseException | None]]",
    stopped: Event,
) -> bool:
    """Whether `one` was taken; not where nobody waits any more."""
    while not stopped.is_set():
        try:
            ready.put(one, timeout=0.1)
        except Full:
            continue
        return True
    return False
