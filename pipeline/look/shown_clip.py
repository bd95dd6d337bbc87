"""One clip as a viewer shows it: NumPy arrays and words, of no viewer in particular."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ClipError
from pipeline.shown import ShownByShape
from pipeline.skeleton.layouts import Layout
from pipeline.values import Skeleton

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, repr=False)
class Cut(ShownByShape):
    """The input of networks from one clip: its N sampled frames, all views together, in rising order."""

    frame_numbers: NDArray[np.int32]
    """(N,) source frame numbers, counted from 0; rises strictly."""
    size: tuple[int, int]
    """Height and width of a crop in pixels."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of the crop in pixels of the source frame."""
    joints: NDArray[np.float32] | None = None
    """(N, M, V, 2): x and y in pixels of the crop, NaN where unknown; None where there are no skeletons."""
    crops: Pictures | None = None
    """(N, H, W, C): C of 1 or 3; None where there are no videos, or they shall not be shown."""
    heat: NDArray[np.float32] | None = None
    """(N, 3, h, w) in [0, 1]: heatmaps of the left side, the middle and the right side, merged by maximum."""

    def __post_init__(self) -> None:
        for name in ("joints", "crops", "heat"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.frame_numbers):
                raise ClipError(f"{name} has {len(value)} entries for {len(self.frame_numbers)} frames")


@dataclass(frozen=True, slots=True, repr=False)
class ClassScores(ShownByShape):
    """Class probabilities over time, of one network's own classifier."""

    classes: Sequence[str]
    """Names of the K' classes that are told: the likeliest, and the true one."""
    spans: Sequence[tuple[int, int]]
    """First and last source frame that each of the A views sees."""
    probabilities: NDArray[np.float32]
    """(A, K') in [0, 1]."""


@dataclass(frozen=True, slots=True, repr=False)
class Neighbour(ShownByShape):
    """A clip that lies near in feature space."""

    clip_id: str
    label: str
    split: str
    similarity: float
    """Cosine in [-1, 1]."""
    cut: Cut | None
    """None where its samples or crops are not there."""


@dataclass(frozen=True, slots=True, repr=False)
class ShownClip(ShownByShape):
    """Everything that is shown of one clip."""

    clip_id: str
    label: str
    """Name of its class."""
    words: str
    """Facts, answers and neighbours of it, as Markdown."""
    size: tuple[int, int]
    """Height and width of the source frames in pixels."""
    fps: float
    """Frames a second; 0 where it is not known."""
    layout: Layout
    skeleton: Skeleton | None
    """None where the dataset has no skeletons."""
    frames: Callable[[], Iterator[tuple[int, Pictures]]] | None = None
    """Yields number and (H, W, C) pixels of each source frame; None where they are not there or not to be shown."""
    cut: Cut | None = None
    scores: Mapping[str, ClassScores] = field(default_factory=dict)
    """By name of the network."""
    near: Mapping[str, Sequence[Neighbour]] = field(default_factory=dict)
    """By modality, nearest first."""
