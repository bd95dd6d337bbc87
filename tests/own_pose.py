"""A pose network and a detector of one's own, in NumPy alone: they find the people of `pose_clips`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

JOINTS = 17


@dataclass(frozen=True)
class Dots:
    """Joint k lies where its box is brightest in red, green or blue (k mod 3), and scores that brightness."""

    weights: Path
    sha256: str
    root: Path
    joints: int = JOINTS

    stops: ClassVar[tuple[type[Exception], ...]] = ()
    runtime: ClassVar[tuple[str, ...]] = ()
    finds_people: ClassVar[bool] = False
    made_with: ClassVar[dict[str, Any]] = {"device": "cpu"}

    @property
    def in_key(self) -> dict[str, Any]:
        """The one option."""
        return {"joints": self.joints}

    def read(self) -> None:
        """There are no weights; a file that is not there is refused all the same."""
        self.weights.read_bytes()

    def people(
        self, frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield joints (P, V, 2) and scores (P, V) of each frame's boxes."""
        for frame, its in zip(frames, boxes, strict=True):
            found = [self._person(frame, box.astype(int)) for box in its]
            joints = np.array([joints for joints, _ in found]).reshape(len(its), self.joints, 2)
            yield joints, np.array([score for _, score in found]).reshape(len(its), self.joints)

    def _person(self, frame: NDArray[np.uint8], box: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        left, top, right, bottom = np.maximum(box, 0)
        part = frame[top:bottom, left:right].reshape(-1, 3)
        place = part.argmax(axis=0)[np.arange(self.joints) % 3]
        y, x = divmod(place, right - left)
        return np.stack([x + left, y + top], axis=1), part.max(axis=0)[np.arange(self.joints) % 3] / 255


@dataclass(frozen=True)
class Strips:
    """A box around each red dot's column, from the picture's top to its bottom."""

    weights: Path
    sha256: str
    root: Path
    half_width: int = 6

    stops: ClassVar[tuple[type[Exception], ...]] = ()
    runtime: ClassVar[tuple[str, ...]] = ()

    @property
    def in_key(self) -> dict[str, Any]:
        """The one option."""
        return {"half_width": self.half_width}

    def read(self) -> None:
        """There are no weights."""

    def boxes(self, frames: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[Any]]:
        """Yield (P, 4) of each frame."""
        for frame in frames:
            lit = (frame[..., 0].max(axis=0) > 40).astype(int)
            starts = np.flatnonzero(np.diff(lit, prepend=0) == 1)
            left = np.maximum(starts - self.half_width, 0)
            yield np.stack([left, 0 * left, starts + self.half_width, 0 * left + len(frame)], axis=1)
