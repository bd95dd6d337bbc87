"""Boxes around people whose joints are known already, in which a pose network looks again."""

import numpy as np

from pipeline.pose.networks import Floats
from pipeline.pose.similarity import extents
from pipeline.skeleton.at_frames import joints_at
from pipeline.values import Skeleton

MARGIN = 0.1
"""Share of a body's width and height by which its box reaches beyond its joints, on each side."""


def boxes_around(skeleton: Skeleton, num_frames: int, *, margin: float = MARGIN) -> list[Floats]:
    """Return for each video frame the boxes (P, 4) of the people there: left, top, right and bottom in pixels.

    They reach `margin` of a body's sides beyond its known joints; none around boxes that were given.
    Frames take joints as `joints_at` gives them.
    """
    joints, score = joints_at(skeleton, np.arange(num_frames))
    known = (score > 0) & np.isfinite(joints).all(axis=3)
    joints = np.where(known[..., None], joints, np.float32(np.nan))
    found = []
    for people, seen in zip(joints, np.asarray(known.any(axis=2)), strict=True):
        boxes = extents(people[seen])
        beyond = margin * (boxes[:, 2:] - boxes[:, :2])
        found.append(np.hstack([boxes[:, :2] - beyond, boxes[:, 2:] + beyond]).astype(np.float32))
    return found
