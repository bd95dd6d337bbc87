"""Frozen networks as rows are computed with them, and what becomes of a row that is not finite.

The networks themselves are of `models`; a stage hands them to the work.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.build.work import ClipArrays, ClipResult, not_finite, row_failure
from pipeline.errors import FeatureError

Floats = NDArray[np.float32]


class Network(Protocol):
    """A frozen network, loaded."""

    def embed(self, names: Sequence[str], views: Sequence[Floats]) -> Mapping[str, NDArray[Any]]:
        """Return the named cuts of n clips, each (n, A, …), of A views, each (n, …)."""
        ...

    def fault(self) -> str:
        """Describe what is wrong with the weights; empty where they are finite."""
        ...


class Inference(Protocol):
    """Way in which networks are run where the work is done."""

    @property
    def stops(self) -> tuple[type[Exception], ...]:
        """Errors that say that a network or the device is at fault, and no clip."""
        ...

    @property
    def clips_at_once(self) -> int:
        """Clips that are read for one call of a network."""
        ...

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device, threads and batch, for the record."""
        ...


def rows_of(found: Mapping[str, NDArray[Any]], ids: Sequence[str]) -> dict[str, ClipArrays]:
    """Return by clip its row of each array; `found` holds arrays (len(ids), …)."""
    return {
        clip_id: {name: values[place] for name, values in found.items()} for place, clip_id in enumerate(ids)
    }


def finite(made: ClipResult, blamed: Callable[[FeatureError], FeatureError]) -> ClipResult:
    """Return a clip's rows; where some are NaN or infinite, a failure with its cause, which `blamed` adds."""
    wrong = not_finite(made) if isinstance(made, dict) else None
    return made if wrong is None else row_failure(blamed(wrong))
