"""Faces of a pose network and of a detector of people: arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3): one frame in RGB."""
Floats = NDArray[np.float32]


class PoseNetwork(Protocol):
    """A network that finds the joints of people, loaded where it runs."""

    @property
    def stops(self) -> tuple[type[Exception], ...]:
        """Errors that say that the network or the device is at fault, and no clip."""
        ...

    @property
    def finds_people(self) -> bool:
        """Whether it finds people itself and takes no boxes."""
        ...

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device, threads and batch, for the record."""
        ...

    def people(
        self, frames: Sequence[Picture], boxes: Sequence[Floats]
    ) -> Sequence[tuple[NDArray[Any], NDArray[Any]]]:
        """Return each frame's joints (P, V, 2) in pixels of the frame, x first, and their scores (P, V).

        `boxes` holds (P, 4) for each frame, left, top, right and bottom in pixels; none where it finds people itself.
        """
        ...


class PersonDetector(Protocol):
    """A network that finds where people are, loaded where it runs."""

    @property
    def stops(self) -> tuple[type[Exception], ...]:
        """Errors that say that the network or the device is at fault, and no clip."""
        ...

    def boxes(self, frames: Sequence[Picture]) -> Sequence[NDArray[Any]]:
        """Return each frame's boxes (P, 4): left, top, right and bottom in pixels."""
        ...
