"""Heatmaps merged by the side of the body that their channels show, and drawn in the sides' colours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.sides import COLOURS, SIDES, bone_side, joint_sides


def channel_sides(rule: HeatmapRule, layout: Layout) -> list[str]:
    """Return the side of each of the K channels of heatmaps: joints, then limbs."""
    joints = list(joint_sides(layout)) if rule.with_joints else []
    return [*joints, *(bone_side(layout, bone) for bone in rule.bones if rule.with_limbs)]


def by_side(maps: NDArray[np.uint8], sides: Sequence[str]) -> NDArray[np.float32]:
    """Merge (N, K, h, w) maps of 0 to 255 by maximum over each side's channels: (N, 3, h, w) in [0, 1]."""
    merged = np.zeros((len(maps), len(SIDES), *maps.shape[2:]), np.float32)
    for place, side in enumerate(SIDES):
        of_side = [channel for channel, found in enumerate(sides) if found == side]
        if of_side:
            merged[:, place] = maps[:, of_side].max(axis=1) / np.float32(255)
    return merged


def side_light(heat: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the colour of (3, h, w) heat, (h, w, 3) from 0 to 255, and its strength, (h, w) in [0, 1].

    Where sides lie over each other, their colours are mixed by their heat.
    """
    colours = np.array([COLOURS[side] for side in SIDES], np.float32)
    weights = heat / np.maximum(heat.sum(axis=0), np.float32(1e-6))
    return np.einsum("shw,sc->hwc", weights, colours), heat.max(axis=0)
