"""The number of frames by which a skeleton comes behind its video, estimated from when either moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_LAG = 30
"""Frames by which a skeleton may be early or late to be found so."""

FEWEST_FRAMES = 24
"""Frames without which a clip tells nothing."""

SHARED = 0.6
"""Share of a clip's frames that must be compared at a lag, and so the bound of the lags that a short clip can have."""

SURE_CORRELATION = 0.3
SURE_LEAD = 0.15
"""Correlation at the best lag, and its lead over lags further than 3 frames from it, from which it is believed."""


@dataclass(frozen=True, slots=True)
class Lag:
    """An estimate: where the skeleton's motion fits the video's best."""

    frames: int
    """Frames by which the skeleton is late; negative where it is early."""
    correlation: float
    """Correlation of the two motions at that lag, in [-1, 1]."""
    lead: float
    """Its correlation minus the best one of a lag more than 3 frames away."""

    @property
    def is_sure(self) -> bool:
        """Whether the estimate is believed: well correlated, and at one place only."""
        return self.correlation >= SURE_CORRELATION and self.lead >= SURE_LEAD

    def __str__(self) -> str:
        when = (
            f"{abs(self.frames)} frames {'late' if self.frames > 0 else 'early'}"
            if self.frames
            else "in step"
        )
        sure = "sure" if self.is_sure else "unsure"
        return f"{when} ({sure}: correlation {self.correlation:.2f}, {self.lead:.2f} ahead of other lags)"


def correlations(video: Floats, skeleton: Floats) -> Floats:
    """(2 · MOST_LAG + 1,): correlation of two motions at each lag from -MOST_LAG on, NaN where unknown.

    A motion is (T, cells): how much moves in each part of the picture; NaN stands for a frame of which nothing is
    known. At lag k, frame t of the video is held against frame t + k of the skeleton. Where a motion repeats itself, as
    in waving, it is the place of what moves that tells one half of it from the other.
    """
    a, b = _damped(video), _damped(skeleton)
    return np.array([_correlation(a, b, lag) for lag in range(-MOST_LAG, MOST_LAG + 1)])


def best_lag(found: Sequence[Floats]) -> Lag | None:
    """Return the lag at which the mean of several clips' correlations is highest; None where nothing is known."""
    if not len(found):
        return None
    with np.errstate(invalid="ignore"):
        known = np.isfinite(found).sum(axis=0)
        mean = np.where(known > 0, np.nansum(found, axis=0) / np.maximum(known, 1), -np.inf)
    if not np.isfinite(mean).any():
        return None
    best = int(np.argmax(mean))
    others = np.delete(mean, slice(max(0, best - 3), best + 4))
    rest = float(others[np.isfinite(others)].max(initial=-1.0))
    return Lag(best - MOST_LAG, float(mean[best]), float(mean[best]) - rest)


def _damped(motion: Floats) -> Floats:
    """Square roots, so that a single jump does not decide."""
    return np.asarray(np.sqrt(np.maximum(motion, 0)))


def _correlation(video: Floats, skeleton: Floats, lag: int) -> float:
    length = min(len(video), len(skeleton))
    if length < FEWEST_FRAMES or length - abs(lag) < SHARED * length:
        return float("nan")
    a = video[max(0, -lag) : length - max(0, lag)]
    b = skeleton[max(0, lag) : length - max(0, -lag)]
    both = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    if both.sum() < SHARED * length:
        return float("nan")
    a, b = a[both] - a[both].mean(axis=0), b[both] - b[both].mean(axis=0)
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else float("nan")
