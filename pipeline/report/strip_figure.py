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
from pipeline.values import Box

Frames = NDArray[np.uint8]
PEOPLE = ("#ffb000", "#35d0ff", "#ff6fb5", "#8bff6f")
RIGHT, WRONG = "#117a43", "#b3261e"
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
    bones: Sequence[tuple[int, int]] = ()
    heat: NDArray[np.float32] | None = None
    """(T, h', w') in [0, 1]: the heatmap's channels merged by maximum, over the crop."""
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
    if strip.joints is not None:
        for person, joints in enumerate(strip.joints[frame]):
            points = joints * unit + np.array([left, top])
            drawn += _person(axes, points, strip.bones, PEOPLE[person % len(PEOPLE)])
    for artist in drawn:
        artist.set_clip_box(TransformedBbox(cell, axes.transData))
    number = f"{strip.frame_numbers[frame]}"
    style = {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.6}
    axes.text(left + 0.03, top + 0.04, number, fontsize=7.5, color="white", va="top", bbox=style)


def _person(
    axes: Axes, points: NDArray[np.float32], bones: Sequence[tuple[int, int]], colour: str
) -> list[Artist]:
    """Bones whose two joints are known, and the known joints."""
    known = np.asarray(np.isfinite(points).all(axis=1))
    lines = [points[[a, b]] for a, b in bones if known[a] and known[b]]
    sticks = LineCollection(lines, colors=colour, linewidths=1.4, capstyle="round")
    dots: dict[str, Any] = {"color": colour, "markersize": 1.9, "markeredgewidth": 0}
    drawn = axes.plot(*points[known].T, "o", scalex=False, scaley=False, **dots)
    return [axes.add_collection(sticks, autolim=False), *drawn]


def _glow(crop: Frames, heat: NDArray[np.float32]) -> Frames:
    """The crop darkened, with heat as amber light."""
    spread = cv2.resize(heat, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    light = np.array([255.0, 190.0, 40.0])
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
