"""Networks as they are fitted to the dataset: batches of NumPy arrays in, files of weights out.

The networks themselves are of `models`; a stage hands them over.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]
"""Inputs of a network, each (B, …)."""

Labels = NDArray[np.int64]
"""(B,): classes."""

Batches = Callable[[int], Iterator[tuple[Arrays, Labels]]]
"""A function from an epoch to its batches."""

Classify = Callable[[Arrays], Labels]
"""A function from a block's inputs to the classes that the network, as it stands, gives its clips."""

Accuracy = Callable[[Classify], float]
"""A function from what classifies to the accuracy on the clips held out, in per cent."""


class Epoch(Protocol):
    """Metrics of one epoch of training."""

    @property
    def epoch(self) -> int:
        """Number of the epoch, counted from 0."""
        ...

    @property
    def train_loss(self) -> float:
        """Mean loss over the epoch's clips."""
        ...

    @property
    def val_accuracy(self) -> float | None:
        """Accuracy on the clips held out, in per cent; None where there are none."""
        ...


class Trainable(Protocol):
    """A network that is built afresh for each training."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device and threads, for the record."""
        ...

    def fit(
        self,
        batches: Batches,
        plan: Mapping[str, Any],
        *,
        resume: Path,
        accuracy: Accuracy | None,
        progress: Callable[[Epoch], None] | None = None,
    ) -> Mapping[str, bytes]:
        """Return the files weights.pt and history.json; `plan` holds the hyperparameters, `epochs` and `seed`.

        `resume` is written after each epoch, and continued from where it is there. `accuracy` chooses the epoch
        that is kept; None keeps the last.
        """
        ...
