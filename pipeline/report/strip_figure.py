"""Figure of one clip: the sampled frames with the people in them, crops, heatmaps and predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, TransformedBbox
from numpy.typing import NDArray

from pipeline.errors import ClipError
from pipeline.report.figures import FAINT, INK, png
from pipeline.shown import ShownByShape
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.side_maps import side_light
from pipeline.skeleton.sides import COLOURS, SIDES, Side, bone_side, joint_sides
from pipeline.values import Box

Frames = NDArray[np.uint8]
FURTHER = 0.6
"""Brightness of each further person's joints."""
RIGHT, WRONG = "#117a43", "#b3261e"
TOLD: dict[Side, str] = {"left": "#0a86b0", "right": "#c25e00"}
"""Colours of the sides as letters on white."""
SIDES_FIT = 6
"""Width in cells from which the headline tells the sides."""
ALARM = {"facecolor": WRONG, "edgecolor": "none", "pad": 1.6}
"""Background of a warning."""
CELL_PIXELS = 220
"""Width in pixels to which frames are shrunk before they are drawn."""
GAP = 0.04
"""Space between cells, in cell widths."""
LETTER = 0.055
"""Width of a letter, in cell widths."""
VERDICT_HEIGHT = 0.28
"""Height of a line of verdicts, in cell widths."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One method's prediction for the clip."""

    method: str
    predicted: str
    """Name of the predicted class."""
    right: bool


@dataclass(frozen=True, slots=True, repr=False)
class Strip(ShownByShape):
    """Pictures of one clip: T sampled frames of one view, M people, V joints."""

    clip_id: str
    label: str
    """Name of the true class."""
    frame_numbers: Sequence[int]
    """(T,) source frame numbers, counted from 0."""
    frames: Frames
    """(T, H, W, C): source frames, C of 1 or 3."""
    crops: Frames | None = None
    """(T, h, w, C): the crops that the networks take; None draws the source frames alone."""
    box: Box | None = None
    """Box of the crops, in pixels of the source frame."""
    joints: NDArray[np.float32] | None = None
    """(T, M, V, 2): pixels of the source frame; NaN where unknown."""
    layout: Layout | None = None
    """Layout of the joints; needed where there are some."""
    nobody: Sequence[bool] = ()
    """(T,): whether nobody is tracked in a frame, so that the joints are those of the nearest one; or nothing."""
    heat: NDArray[np.float32] | None = None
    """(T, 3, h', w') in [0, 1]: over the crop, heatmaps of left, middle and right, each merged by maximum."""
    verdicts: Sequence[Verdict] = ()

    def __post_init__(self) -> None:
        count = len(self.frames)
        for name in ("frame_numbers", "crops", "joints", "heat"):
            value = getattr(self, name)
            if value is not None and len(value) != count:
                raise ClipError(f"{self.clip_id}: {name} has {len(value)} entries for {count} frames")


def clip_strip(strip: Strip, *, columns: int = 8) -> bytes:
    """Draw at most `columns` of the sampled frames, evenly chosen, with rows as in `Strip`; return a PNG."""
    chosen = np.unique(
        np.linspace(0, len(strip.frames) - 1, min(columns, len(strip.frames))).round().astype(int)
    )
    source = _aspect(strip.frames)
    crop = 0.0 if strip.crops is None else _aspect(strip.crops)
    heights = [source, *([crop] * ((strip.crops is not None) + (strip.heat is not None)))]
    wide = len(chosen) * (1 + GAP)
    lines = _lines(strip.verdicts, wide)
    tall = sum(heights) + GAP * len(heights) + 0.34 + VERDICT_HEIGHT * len(lines)
    figure = Figure(figsize=(1.32 * wide, 1.32 * tall))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-GAP, wide)
    axes.set_ylim(tall, 0)
    axes.set_axis_off()
    _headline(axes, strip)
    if strip.layout is not None and strip.layout.pairs and wide > SIDES_FIT:
        _sides_told(axes)
    for column, frame in enumerate(chosen):
        left = column * (1 + GAP)
        _source_cell(axes, strip, int(frame), left, 0.32)
        below = 0.32 + source + GAP
        if strip.crops is not None:
            _picture(axes, strip.crops[frame], left, below)
            if strip.heat is not None:
                _picture(axes, _glow(strip.crops[frame], strip.heat[frame]), left, below + crop + GAP)
    for number, line in enumerate(reversed(lines)):
        _verdicts(axes, line, wide / len(lines[0]), tall - 0.13 - VERDICT_HEIGHT * number)
    return png(figure)


def _aspect(pictures: Frames) -> float:
    return float(pictures.shape[1] / pictures.shape[2])


def _headline(axes: Axes, strip: Strip) -> None:
    axes.text(
        0, 0.17, strip.clip_id, fontsize=11, fontweight="bold", color=INK, va="center", parse_math=False
    )
    axes.text(
        axes.get_xlim()[1] - GAP,
        0.17,
        f"is: {strip.label}" if strip.verdicts else strip.label,
        fontsize=11,
        color=INK,
        va="center",
        ha="right",
        parse_math=False,
    )


def _sides_told(axes: Axes) -> None:
    """Which colour is which side, in the headline's middle."""
    middle = sum(axes.get_xlim()) / 2
    told: tuple[tuple[Side, float], ...] = (("left", -0.02), ("right", 0.02))
    for side, place in told:
        axes.text(
            middle + place,
            0.17,
            f"the person's {side} " if side == "left" else f" {side}",
            fontsize=8.5,
            fontweight="bold",
            color=TOLD[side],
            va="center",
            ha="right" if side == "left" else "left",
        )


def _picture(axes: Axes, picture: Frames, left: float, top: float) -> None:
    height = picture.shape[0] / picture.shape[1]
    size = (CELL_PIXELS, max(1, round(CELL_PIXELS * height)))
    method = cv2.INTER_AREA if picture.shape[1] > CELL_PIXELS else cv2.INTER_LINEAR
    small = cv2.resize(_three(picture), size, interpolation=method)
    axes.imshow(small, extent=(left, left + 1, top + height, top), aspect="auto", interpolation="antialiased")


def _three(picture: Frames) -> Frames:
    """One channel is grey."""
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _source_cell(axes: Axes, strip: Strip, frame: int, left: float, top: float) -> None:
    picture = strip.frames[frame]
    _picture(axes, picture, left, top)
    unit = 1 / picture.shape[1]
    cell = Bbox.from_bounds(left, top, 1, picture.shape[0] * unit)
    drawn: list[Artist] = []
    if strip.box is not None:
        corner = (left + strip.box.left * unit, top + strip.box.top * unit)
        outline = Rectangle(
            corner, strip.box.width * unit, strip.box.height * unit, fill=False, ec="white", lw=1.3
        )
        drawn.append(axes.add_patch(outline))
    if strip.joints is not None and strip.layout is not None:
        for person, joints in enumerate(strip.joints[frame]):
            points = joints * unit + np.array([left, top])
            drawn += _person(axes, points, strip.layout, FURTHER**person)
            if strip.box is not None:
                drawn += _rings(axes, points[_outside(joints, strip.box)])
    for artist in drawn:
        artist.set_clip_box(TransformedBbox(cell, axes.transData))
    number = f"{strip.frame_numbers[frame]}"
    style = {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.6}
    _warnings(axes, strip, frame, left, top)
    axes.text(left + 0.03, top + 0.04, number, fontsize=7.5, color="white", va="top", bbox=style)


def _warnings(axes: Axes, strip: Strip, frame: int, left: float, top: float) -> None:
    """Say on a source frame what the crop cuts off, and that nobody is tracked."""
    look: dict[str, Any] = {"fontsize": 7.5, "color": "white", "ha": "center", "bbox": ALARM}
    if count := _num_cut_off(strip, frame):
        told = f"{count} joints cut off" if count > 1 else "1 joint cut off"
        axes.text(left + 0.5, top + _aspect(strip.frames) - 0.07, told, **look)
    if strip.nobody and strip.nobody[frame]:
        axes.text(left + 0.5, top + 0.1, "nobody tracked", **look)


def _person(axes: Axes, points: NDArray[np.float32], layout: Layout, brightness: float) -> list[Artist]:
    """Bones whose two joints are known, and the known joints, in the colours of the person's own sides."""
    known = np.asarray(np.isfinite(points).all(axis=1))
    bones = [bone for bone in layout.bones if known[list(bone)].all()]
    shades = [_shade(bone_side(layout, bone), brightness) for bone in bones]
    sticks = LineCollection(
        [points[list(bone)] for bone in bones], colors=shades, linewidths=1.4, capstyle="round"
    )
    drawn: list[Artist] = [axes.add_collection(sticks, autolim=False)]
    sides = np.array(joint_sides(layout))
    for side in SIDES:
        mine = points[known & (sides == side)]
        look: dict[str, Any] = {"color": _shade(side, brightness), "markersize": 1.9, "markeredgewidth": 0}
        drawn += axes.plot(*mine.T, "o", scalex=False, scaley=False, **look)
    return drawn


def _outside(joints: NDArray[np.float32], box: Box) -> NDArray[np.bool_]:
    """(...,): which of the (..., 2) known joints the box does not hold."""
    x, y = joints[..., 0], joints[..., 1]
    return np.asarray((x < box.left) | (x >= box.right) | (y < box.top) | (y >= box.bottom))


def _num_cut_off(strip: Strip, frame: int) -> int:
    if strip.joints is None or strip.box is None or strip.layout is None:
        return 0
    return int(_outside(strip.joints[frame], strip.box).sum())


def _rings(axes: Axes, points: NDArray[np.float32]) -> list[Artist]:
    """A red ring round each joint that the box does not hold."""
    look: dict[str, Any] = {"markersize": 5, "markerfacecolor": "none", "markeredgecolor": WRONG}
    return list(axes.plot(*points.T, "o", markeredgewidth=1.3, scalex=False, scaley=False, **look))


def _shade(side: Side, brightness: float) -> tuple[float, ...]:
    return tuple(brightness * part / 255 for part in COLOURS[side])


def _glow(crop: Frames, heat: NDArray[np.float32]) -> Frames:
    """The crop darkened, with (3, h', w') heat as light in the sides' colours."""
    size = crop.shape[1::-1]
    colour, strength = side_light(heat)
    light = cv2.resize(colour, size, interpolation=cv2.INTER_LINEAR)
    spread = cv2.resize(strength, size, interpolation=cv2.INTER_LINEAR)[..., None]
    mixed = 0.45 * _three(crop) * (1 - spread) + light * spread
    return np.asarray(mixed.clip(0, 255).astype(np.uint8))


def _lines(verdicts: Sequence[Verdict], wide: float) -> list[Sequence[Verdict]]:
    """The verdicts in lines of equal shares, each wide enough for the longest method's name."""
    letters = max((len(verdict.method) for verdict in verdicts), default=0) + 2
    share = max(1, min(len(verdicts), int(wide / (letters * LETTER))))
    return [verdicts[start : start + share] for start in range(0, len(verdicts), share)]


def _verdicts(axes: Axes, verdicts: Sequence[Verdict], share: float, middle: float) -> None:
    """One line, side by side in equal shares: a sign and a colour for right and wrong."""
    for place, verdict in enumerate(verdicts):
        sign, colour = ("✓", RIGHT) if verdict.right else ("✗", WRONG)
        axes.text(
            place * share,
            middle - 0.1,
            verdict.method,
            fontsize=8,
            color=FAINT,
            va="center",
            parse_math=False,
        )
        text = _cut(f"{sign} {verdict.predicted}", int(share / LETTER))
        axes.text(place * share, middle + 0.03, text, fontsize=9, color=colour, va="center", parse_math=False)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(letters - 1, 1)]}…"
