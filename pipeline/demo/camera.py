"""The demo's camera: position and weak-perspective projection.

u = width / 2 + focal * x / Z and v = height / 2 - focal * y / Z with one Z for the whole scene, so a
limb's own depth moves nothing in the image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FPS = 320, 240, 30
"""Pixels and frames per second of the demo's videos."""

COLOUR_FOCAL = 260.0
DEPTH_WIDTH, DEPTH_HEIGHT, DEPTH_FOCAL = 512, 424, 366.0
"""Kinect v2's depth image, in pixels."""


@dataclass(frozen=True, slots=True)
class View:
    """Camera parameters of one clip, drawn alike for every action."""

    distance_m: float
    """Distance from the camera to the scene's plane, in metres."""
    shift_m: tuple[float, float]
    """The scene's centre, right and up of the optical axis."""
    roll: float
    """The camera's turn about its axis, in radians."""
    gain: float
    """Brightness factor."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, camera: int) -> "View":
        """A view at random, near where this camera stands."""
        return cls(
            distance_m=float(rng.uniform(3.0, 3.35) + 0.1 * (camera - 2)),
            shift_m=(float(rng.uniform(-0.3, 0.3) + 0.1 * (camera - 2)), float(rng.uniform(-0.12, 0.0))),
            roll=float(rng.uniform(-0.04, 0.04)),
            gain=float(rng.uniform(0.85, 1.1)),
        )

    @property
    def pixels_per_m(self) -> float:
        """Scale of the colour image."""
        return COLOUR_FOCAL / self.distance_m


def to_camera(points: Floats, view: View) -> Floats:
    """(..., 3) in metres of the scene -> (..., 3) in the camera's frame: x right, y up, z away."""
    cos, sin = np.cos(view.roll), np.sin(view.roll)
    x, y = points[..., 0] + view.shift_m[0], points[..., 1] + view.shift_m[1]
    return np.stack([cos * x - sin * y, sin * x + cos * y, points[..., 2] + view.distance_m], axis=-1)


def colour_pixels(points: Floats, view: View) -> Floats:
    """(..., 3) in the camera's frame -> (..., 2) x and y in pixels of the video."""
    return _project(points, view.distance_m, COLOUR_FOCAL, WIDTH, HEIGHT)


def depth_pixels(points: Floats, view: View) -> Floats:
    """(..., 3) in the camera's frame -> (..., 2) x and y in pixels of the depth image."""
    return _project(points, view.distance_m, DEPTH_FOCAL, DEPTH_WIDTH, DEPTH_HEIGHT)


def _project(points: Floats, distance_m: float, focal: float, width: int, height: int) -> Floats:
    scale = focal / distance_m
    return np.stack([width / 2 + scale * points[..., 0], height / 2 - scale * points[..., 1]], axis=-1)
