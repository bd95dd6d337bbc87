"""Shares of a picture, and of joints, that belong to each body part; and of what a network makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BACKGROUND = "background"
"""Name of the pixels that are near no joint."""

NEAR = 0.08
"""Share of the picture's width within which a pixel belongs to the nearest joint: about a hand's length in a crop."""

TOP = 0.1
"""Share of the pixels that count as looked at: AMFI-Net's top 10 % (section 4.3.5)."""


@dataclass(frozen=True, slots=True)
class Share:
    """One body part: what it gets of a network's saliency, beside chance; both are shares of a whole, in [0, 1]."""

    part: str
    chance: float
    """Share of the pixels, or of the joints, that belong to the part."""
    seen: float
    """Share of the pixels looked at, or of the joints' saliency, that belongs to it."""

    @property
    def ratio(self) -> float:
        """Multiple of what it would get by chance; NaN where no pixel or joint belongs to the part."""
        return self.seen / self.chance if self.chance else float("nan")


def nearest_joints(joints: Floats, score: Floats, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return the number of the known joint nearest to each pixel, -1 where none is within NEAR: (T, H, W).

    `joints` are (T, M, V, 2), x and y in pixels of pictures of `size` (height, width), of whose first pixel the middle
    lies at (0.5, 0.5); `score` is (T, M, V), 0 where a joint is unknown.
    """
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    known = np.isfinite(joints).all(axis=-1) & (score > 0)
    place = np.where(known[..., None], joints, np.inf)
    squared = (x - place[..., 0, None, None]) ** 2 + (y - place[..., 1, None, None]) ** 2
    num_joints = joints.shape[2]
    flat = squared.reshape(len(joints), -1, height, width)  # (T, M · V, H, W)
    near = flat.min(axis=1) <= (NEAR * width) ** 2
    return np.where(near, flat.argmin(axis=1) % num_joints, -1)


def picture_shares(
    saliency: Sequence[Floats], nearest: Sequence[NDArray[np.int64]], parts: Mapping[str, tuple[int, ...]]
) -> tuple[Share, ...]:
    """Return the share of each part, and of the background, of the pixels looked at: means over clips.

    `saliency` and `nearest` are of each clip, (T, H, W). Looked at are the TOP pixels of a clip's frames together.
    """
    tops = [values >= np.quantile(values, 1 - TOP) for values in saliency]
    found = []
    for name, joints in (*parts.items(), (BACKGROUND, (-1,))):
        here = [np.isin(places, joints) for places in nearest]
        chance = float(np.mean([of_clip.mean() for of_clip in here]))
        seen = float(np.mean([of_clip[top].mean() for of_clip, top in zip(here, tops, strict=True)]))
        found.append(Share(name, chance, seen))
    return tuple(found)


def joint_shares(weights: Floats, parts: Mapping[str, tuple[int, ...]]) -> tuple[Share, ...]:
    """Return the share of each part of the joints' weights (N, V), each clip's weights brought to sum 1: means."""
    total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
    of_joints = (weights / np.where(total > 0, total, 1)).mean(axis=0)
    return tuple(
        Share(name, len(joints) / weights.shape[1], float(of_joints[list(joints)].sum()))
        for name, joints in parts.items()
    )
