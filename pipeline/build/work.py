"""The work that computes a store's rows, clip by clip, in whatever process it is sent to."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cache import CacheError, RowFailure
from pipeline.build.failures import shortened
from pipeline.build.unexpected import Unexpected
from pipeline.errors import ClipError, FeatureError, PipelineError

Result = TypeVar("Result")

ClipArrays = dict[str, NDArray[Any]]
"""One clip's rows, by array name."""

STOPS: tuple[type[Exception], ...] = (MemoryError, OSError, CacheError, PipelineError)
"""Errors of the machine, the cache or the project, not of a clip: they stop the stage. Every PipelineError is one but
ClipError."""


ClipResult: TypeAlias = ClipArrays | RowFailure | Unexpected
"""Result of one clip."""


class Work(Protocol):
    """Computes clips. Picklable and small: it opens what it reads where it runs."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device, threads and the like: for the record, in no key."""
        ...

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each id's rows of the wanted `arrays`, in order."""
        ...


@runtime_checkable
class SourcedWork(Work, Protocol):
    """Work that reads files of the user's: it must be told which bytes the results will be named by."""

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> Work:
        """Return the same work with each id's `inputs` from the documents, against which it checks what it reads."""
        ...


def row_failure(error: ClipError) -> RowFailure:
    """Convert an error to what the cache records about a clip that cannot be computed."""
    return RowFailure(type(error).__name__, shortened(str(error)))


def not_finite(made: ClipArrays) -> FeatureError | None:
    """Describe values of which some are NaN or infinite; None where all are finite."""
    for name, values in sorted(made.items()):
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            return FeatureError(
                f"{name}: {values.size - int(finite.sum())} of {values.size} values are not finite"
            )
    return None


def one_by_one(
    make: Callable[[str, frozenset[str]], ClipArrays],
    ids: list[str],
    arrays: frozenset[str],
    *,
    stops: Sequence[type[Exception]] = (),
) -> Iterator[tuple[str, ClipResult]]:
    """Make clip after clip; each bears its own error, but for what is among STOPS or `stops`."""
    for clip_id in ids:
        yield clip_id, attempt(make, clip_id, arrays, stops=stops)


def together(
    make: Callable[[list[str]], Mapping[str, ClipArrays]],
    ids: list[str],
    *,
    stops: Sequence[type[Exception]] = (),
) -> Iterator[tuple[str, ClipResult]]:
    """Make a batch of clips at once; where that fails, each alone, so that the error is borne by the clip it is of."""
    batch = attempt(make, ids, stops=stops)
    for clip_id in ids:
        if isinstance(batch, Mapping):
            yield clip_id, batch[clip_id]
        else:
            alone = attempt(make, [clip_id], stops=stops)
            yield clip_id, alone[clip_id] if isinstance(alone, Mapping) else alone


def attempt(
    make: Callable[..., Result], *given: Any, stops: Sequence[type[Exception]] = ()
) -> Result | RowFailure | Unexpected:
    """Return what `make` gives, a ClipError as the clip's verdict, or any other error as `Unexpected`.

    What is among STOPS or `stops` is raised.
    """
    try:
        return make(*given)
    except ClipError as error:
        return row_failure(error)
    except (*STOPS, *stops):
        raise
    except Exception as error:  # noqa: BLE001  # what one clip raises is that clip's failure
        return Unexpected(type(error).__name__, str(error), traceback.format_exc())
