"""The work that computes a store's rows, clip by clip, in whatever process it is sent to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from cache import RowFailure
from pipeline.errors import ClipError

ClipArrays = dict[str, NDArray[Any]]
"""One clip's rows, by array name."""


class Work(Protocol):
    """Computes clips. Picklable and small: it opens what it reads where it runs."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device, threads and the like: for the record, in no key."""
        ...

    def compute(
        self, ids: list[str], arrays: frozenset[str]
    ) -> Iterator[tuple[str, ClipArrays | RowFailure]]:
        """Yield each id's rows of the wanted `arrays`, in order."""
        ...


@runtime_checkable
class SourcedWork(Work, Protocol):
    """Work that reads files of the user's: it must be told which bytes the results will be named by."""

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> Work:
        """The same work, knowing each id's `inputs` as its documents have them, by which it proves what it reads."""
        ...


def one_by_one(
    make: Callable[[str, frozenset[str]], ClipArrays], ids: list[str], arrays: frozenset[str]
) -> Iterator[tuple[str, ClipArrays | RowFailure]]:
    """Make clip after clip; a ClipError is that clip's verdict, any other error stops the shard."""
    for clip_id in ids:
        try:
            yield clip_id, make(clip_id, arrays)
        except ClipError as error:
            yield clip_id, RowFailure(type(error).__name__, str(error))
