"""Pictures: a textured background, figures of thick strokes, and objects in their hands.

Whatever a figure's depth, its parts are drawn in the same order and size. Objects, gloves and shoes are vivid, all
else is muted, so that they outlive a crop to 64 x 64.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.actions import Held
from pipeline.demo.camera import HEIGHT, WIDTH
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_SHIFT = 4
"""OpenCV's fixed point: coordinates in sixteenths of a pixel."""

_LEGS = ((12, 13, 14, 15), (16, 17, 18, 19))
_ARMS = ((4, 5, 6, 7, 21), (8, 9, 10, 11, 23))

OBJECT_RADIUS_M = 0.16

_BRIGHT: Colour = (255, 215, 20)
"""Gloves and shoes: a motion is seen in a crop of 64 x 64, and learned from a few dozen scenes."""

Shape = tuple[Colour, tuple[tuple[float, float], ...]]
"""A polygon: its colour and its corners, in radii of the object, y down."""

_BALL = tuple((float(np.cos(a)), float(np.sin(a))) for a in np.linspace(0, 2 * np.pi, 20, endpoint=False))
_SHAPES: dict[Held, tuple[Shape, ...]] = {
    "ball": (
        ((235, 40, 30), _BALL),
        ((255, 235, 235), ((-0.9, -0.15), (0.9, -0.15), (0.9, 0.15), (-0.9, 0.15))),
    ),
    "cup": (
        ((20, 190, 60), ((0.4, -0.5), (1.2, -0.5), (1.2, 0.4), (0.4, 0.4))),
        ((30, 220, 80), ((-0.9, -1.0), (0.7, -1.0), (0.5, 1.0), (-0.7, 1.0))),
        ((0, 90, 30), ((-0.75, -0.85), (0.55, -0.85), (0.5, -0.55), (-0.7, -0.55))),
    ),
}


@dataclass(frozen=True, slots=True)
class Dress:
    """Colours of one person, RGB."""

    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Dress":
        """Muted clothes at random."""
        skin = np.array([225, 180, 150]) * rng.uniform(0.45, 1.0)
        return cls(
            _muted(rng), _muted(rng), _colour(skin), _colour(rng.uniform(20, 90) + np.array([20, 8, 0]))
        )


@dataclass(frozen=True, slots=True, repr=False)
class Figure(ShownByShape):
    """One person in one frame."""

    pixels: Floats
    """(25, 2): joints, x and y in pixels."""
    dress: Dress
    held: Held | None
    """Object in the hand."""
    hand: int
    """The joint that holds it."""
    tilt: float
    """The object's turn in the image, in radians."""


def background(rng: np.random.Generator) -> Image:
    """(H, W, 3) uint8: a wall and a floor with furniture, blurred stains and grain."""
    wall, floor = (np.array(_muted(rng), np.float32) for _ in range(2))
    image = np.tile(wall, (HEIGHT, WIDTH, 1)).astype(np.float32)
    image[int(rng.uniform(0.7, 0.9) * HEIGHT) :] = floor
    for _ in range(6):
        shade = _colour(0.7 * wall + 0.3 * np.array(_muted(rng)))
        left, top = int(rng.integers(-40, WIDTH)), int(rng.integers(-40, HEIGHT))
        right, bottom = left + int(rng.integers(20, 110)), top + int(rng.integers(20, 110))
        cv2.rectangle(image, (left, top), (right, bottom), shade, -1)
    stains = (rng.normal(0, 8, (9, 12, 1)) + rng.normal(0, 3, (9, 12, 3))).astype(np.float32)
    grain = rng.normal(0, 5, (HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    image += cv2.resize(stains, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image += cv2.resize(grain, (WIDTH, HEIGHT))[..., None]
    return np.asarray(np.clip(image, 0, 255).astype(np.uint8))


def frame(backdrop: Image, figures: Sequence[Figure], *, pixels_per_m: float, gain: float) -> Image:
    """(H, W, 3) uint8 RGB: the figures before the backdrop, in the order given."""
    image = backdrop.copy()
    for figure in figures:
        _person(image, figure, pixels_per_m)
        if figure.held is not None:
            _object(image, _SHAPES[figure.held], figure, OBJECT_RADIUS_M * pixels_per_m)
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)


def _muted(rng: np.random.Generator) -> Colour:
    """A greyish colour of any brightness."""
    return _colour(rng.uniform(45, 200) + rng.uniform(-22, 22, 3))


def _colour(values: Floats) -> Colour:
    red, green, blue = (int(value) for value in np.clip(values, 0, 255))
    return red, green, blue


def _darker(colour: Colour) -> Colour:
    return _colour(0.55 * np.array(colour))


def _fixed(points: Floats) -> NDArray[np.int32]:
    """Pixels in OpenCV's fixed point."""
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def _person(image: Image, figure: Figure, scale: float) -> None:
    """Legs, trunk, head, arms: always in this order."""
    joints, dress = figure.pixels, figure.dress
    for leg in _LEGS:
        _stroke(image, joints[list(leg)], _darker(dress.trousers), 0.19 * scale)
        _stroke(image, joints[list(leg)], dress.trousers, 0.15 * scale)
        _disc(image, joints[leg[-1]], 0.10 * scale, _BRIGHT)
    trunk = joints[[4, 8, 16, 12]]
    cv2.fillPoly(image, [_fixed(trunk)], dress.shirt, cv2.LINE_AA, _SHIFT)
    _stroke(image, joints[[4, 8]], dress.shirt, 0.12 * scale)
    _stroke(image, joints[[12, 16]], dress.trousers, 0.14 * scale)
    _stroke(image, joints[[20, 2]], dress.skin, 0.10 * scale)
    _disc(image, joints[3] - (0, 0.03 * scale), 0.125 * scale, dress.hair)
    _disc(image, joints[3] + (0, 0.02 * scale), 0.10 * scale, dress.skin)
    for arm in _ARMS:
        _stroke(image, joints[list(arm)], _darker(dress.shirt), 0.13 * scale)
        _stroke(image, joints[list(arm[2:])], dress.skin, 0.08 * scale)
        _stroke(image, joints[list(arm[:3])], dress.shirt, 0.10 * scale)
        _disc(image, joints[arm[-2]], 0.10 * scale, _BRIGHT)


def _stroke(image: Image, points: Floats, colour: Colour, width_px: float) -> None:
    cv2.polylines(image, [_fixed(points)], False, colour, max(1, round(width_px)), cv2.LINE_AA, _SHIFT)


def _disc(image: Image, centre: Floats, radius_px: float, colour: Colour) -> None:
    x, y = (int(value) for value in _fixed(centre))
    cv2.circle(image, (x, y), int(radius_px * (1 << _SHIFT)), colour, -1, cv2.LINE_AA, _SHIFT)


def _object(image: Image, shapes: tuple[Shape, ...], figure: Figure, radius_px: float) -> None:
    """The held thing, centred on the hand."""
    cos, sin = np.cos(figure.tilt), np.sin(figure.tilt)
    turn = np.array([[cos, sin], [-sin, cos]])
    for colour, corners in shapes:
        outline = np.array(corners) @ turn * radius_px + figure.pixels[figure.hand]
        cv2.fillPoly(image, [_fixed(outline)], colour, cv2.LINE_AA, _SHIFT)
