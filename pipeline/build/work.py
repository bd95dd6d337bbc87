"""The work that computes a store's rows, clip by clip, in whatever process it is sent to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cache import RowFailure
from pipeline.build.failures import shortened
from pipeline.errors import ClipError, FeatureError

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


def row_failure(error: ClipError) -> RowFailure:
    """What is remembered of a clip that cannot be made."""
    return RowFailure(type(error).__name__, shortened(str(error)))


def not_finite(made: ClipArrays) -> FeatureError | None:
    """What is wrong with values of which some are NaN or infinite; None where none are."""
    for name, values in sorted(made.items()):
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            return FeatureError(
                f"{name}: {values.size - int(finite.sum())} of {values.size} values are not finite"
            )
    return None


def one_by_one(
    make: Callable[[str, frozenset[str]], ClipArrays], ids: list[str], arrays: frozenset[str]
) -> Iterator[tuple[str, ClipArrays | RowFailure]]:
    """Make clip after clip; a ClipError is that clip's verdict, any other error stops the shard."""
    for clip_id in ids:
        try:
            yield clip_id, make(clip_id, arrays)
        except ClipError as error:
            yield clip_id, row_failure(error)
