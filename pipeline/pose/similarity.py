"""Similarity of two poses in one picture: by their joints (OKS) or by their boxes (IoU)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.skeleton.layouts import COCO_17, Layout

COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip
"""Spread of each joint between annotators, as a share of the root of the person's area (COCO's keypoint evaluation)."""

OTHER_SIGMA = 0.079
"""The same for joints of other layouts: COCO's shoulder."""

Floats = NDArray[np.float64]


def sigmas(layout: Layout) -> Floats:
    """(V,): each joint's spread."""
    return np.array(COCO_SIGMAS if layout is COCO_17 else [OTHER_SIGMA] * layout.num_joints, np.float64)


def extents(joints: NDArray[np.float32]) -> Floats:
    """(P, V, 2) joints, NaN where unknown → (P, 4) left, top, right, bottom around the known ones, a pixel at least."""
    exact = joints.astype(np.float64)
    low, high = np.nanmin(exact, axis=1), np.nanmax(exact, axis=1)
    return np.concatenate([low, np.maximum(high, low + 1)], axis=1)


def oks(ours: NDArray[np.float32], theirs: NDArray[np.float32], spread: Floats) -> Floats:
    """Object keypoint similarity of P and Q poses, (P, V, 2) and (Q, V, 2) → (P, Q) in [0, 1].

    Mean over the joints known in both of exp(-d² / (2 s² (2σ)²)), d the distance in pixels and s² the mean area of the
    two boxes (COCO's keypoint evaluation, whose area is the annotated mask's). A box counts as a third as wide as it is
    high at least, and the other way round: somebody seen from the side is no line. 0 where no joint is known in both.
    """
    square = np.square(ours[:, None].astype(np.float64) - theirs[None]).sum(axis=3)
    area = (_body_areas(ours)[:, None] + _body_areas(theirs)[None]) / 2
    alike = np.exp(-square / (2 * area[..., None] * np.square(2 * spread)))
    known = np.isfinite(alike)
    return np.asarray(np.where(known, alike, 0).sum(axis=2) / np.maximum(known.sum(axis=2), 1))


def iou(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Floats:
    """Intersection over union of the boxes around P and Q poses, (P, V, 2) and (Q, V, 2) → (P, Q) in [0, 1]."""
    first, second = extents(ours)[:, None], extents(theirs)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    return np.asarray(shared / (_areas(first) + _areas(second) - shared))


def _body_areas(joints: NDArray[np.float32]) -> Floats:
    """(P, V, 2) → (P,) square pixels."""
    boxes = extents(joints)
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(np.prod(np.maximum(sides, sides.max(axis=1, keepdims=True) / 3), axis=1))


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1))
