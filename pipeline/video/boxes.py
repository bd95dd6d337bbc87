"""The box that a clip's people are cut out with: one per clip and rule, shared by every modality (SPEC 0.5).

    clip    B1, CSSIModel: all known joints of all frames and persons, and `buffer_px` around them.
    square  B2, EPAM-Net: the same joints (or those that MMCompact takes: `joints`), sides grown by `padding`,
            made square, cut to the frame or padded.
    window  B3, AMFI-Net: a square of 1000/1080 of the frame's height, centred on the clip box, never outside.
    frame   The whole frame.

Where no joint is known, every rule gives the whole frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BoxError, ParamError
from pipeline.values import Box, Skeleton

WINDOW_SHARE = (1000, 1080)
"""AMFI-Net cuts 1000 pixels out of NTU RGB+D's 1080 rows."""

Span = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRule:
    """Rule for a clip's crop box."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "rule",
        "buffer_px",
        "padding",
        "min_side_px",
        "allow_pad",
        "outside",
    )

    rule: Literal["clip", "square", "window", "frame"] = "square"
    buffer_px: float = 10.0
    """For `clip` and the centre of `window`: pixels of the source frame added on each side, never scaled."""
    padding: float = 0.25
    """For `square`: share by which half the width and half the height grow."""
    min_side_px: float = 10.0
    """For `square`: where the joints span less than this either way, the whole frame is taken."""
    allow_pad: bool = False
    """For `square`: whether the box may reach outside the frame (`crop` fills with zeros), or is cut."""
    outside: Literal["drop", "clamp"] = "drop"
    """For `known` joints outside the frame: left out (SPEC 0.2), or moved to its border."""
    joints: Literal["known", "nonzero"] = "known"
    """`known`: joints with a score and both coordinates. `nonzero`: as PYSKL's MMCompact, every x and every y that
    is not 0, each for itself, whatever the score and however far outside the frame."""

    def __post_init__(self) -> None:
        if self.rule not in _RULES:
            raise ParamError(f"no box rule {self.rule!r}; there are {sorted(_RULES)}")
        for name, choices in (("outside", ("drop", "clamp")), ("joints", ("known", "nonzero"))):
            if getattr(self, name) not in choices:
                raise ParamError(f"{name} must be one of {list(choices)}, got {getattr(self, name)!r}")
        for name in ("buffer_px", "padding", "min_side_px"):
            if not getattr(self, name) >= 0:
                raise ParamError(f"{name} must be 0 or more, got {getattr(self, name)}")


def box_of(rule: BoxRule, skeleton: Skeleton, height: int, width: int) -> Box:
    """The clip's box in a frame of `height` by `width` pixels, from all its frames' and persons' joints."""
    if height < 1 or width < 1:
        raise BoxError(f"a frame needs at least one pixel each way, got {height} rows of {width}")
    if rule.joints == "nonzero":
        span = _nonzero_span(skeleton.joints_2d)
    else:
        span = _span(_known_joints(skeleton, height, width, rule.outside))
    if span is None:
        return whole_frame(height, width)
    return _RULES[rule.rule](rule, span, height, width)


def whole_frame(height: int, width: int) -> Box:
    """All of a frame."""
    return Box(0, 0, width, height)


def _known_joints(skeleton: Skeleton, height: int, width: int, outside: str) -> NDArray[np.float64]:
    """(n, 2): x and y of joints with a score and both coordinates; infinities are unknown too."""
    joints = skeleton.joints_2d[skeleton.score > 0].astype(np.float64)
    joints = joints[np.isfinite(joints).all(axis=1)]
    if outside == "clamp":
        return np.clip(joints, 0.0, (width, height))
    return joints[((joints >= 0) & (joints < (width, height))).all(axis=1)]


def _nonzero_span(joints_2d: NDArray[np.float32]) -> Span | None:
    """From the least to the greatest x and y that are neither 0 nor unknown; None where one has no such value."""
    x, y = (np.nan_to_num(joints_2d[..., axis].astype(np.float64), posinf=0, neginf=0) for axis in (0, 1))
    x, y = x[x != 0], y[y != 0]
    if not len(x) or not len(y):
        return None
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _span(joints: NDArray[np.float64]) -> Span | None:
    if not len(joints):
        return None
    (left, top), (right, bottom) = joints.min(axis=0), joints.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _clip(rule: BoxRule, span: Span, height: int, width: int) -> Box:
    """Joints from x = 100.4 to 200.2 and a buffer of 10: left floor(90.4) = 90, right ceil(210.2) = 211."""
    buffer = max(rule.buffer_px, 0.5)  # a single joint still gets a pixel
    left, top = floor(span[0] - buffer), floor(span[1] - buffer)
    right, bottom = ceil(span[2] + buffer), ceil(span[3] + buffer)
    return Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height))


def _square(rule: BoxRule, span: Span, height: int, width: int) -> Box:
    """Joints 40 wide and 80 high around (100, 100), padding 1/4: half side 50, so 50 to 150 both ways."""
    left, top, right, bottom = span
    if min(right - left, bottom - top) < max(rule.min_side_px, 1.0):
        return whole_frame(height, width)
    half = max(right - left, bottom - top) / 2 * (1 + rule.padding)
    x, y = (left + right) / 2, (top + bottom) / 2
    left_px, top_px = int(x - half), int(y - half)
    right_px, bottom_px = max(int(x + half), left_px + 1), max(int(y + half), top_px + 1)
    if rule.allow_pad:
        return Box(left_px, top_px, right_px, bottom_px)
    return Box(max(left_px, 0), max(top_px, 0), min(right_px, width), min(bottom_px, height))


def _window(rule: BoxRule, span: Span, height: int, width: int) -> Box:
    """1920 x 1080: side 1000. A clip box centred on (1700, 500) gives left 920 (1200 moved in), top 0."""
    around = _clip(rule, span, height, width)
    side = max(1, min(height * WINDOW_SHARE[0] // WINDOW_SHARE[1], width))
    left = min(max((around.left + around.right - side) // 2, 0), width - side)
    top = min(max((around.top + around.bottom - side) // 2, 0), height - side)
    return Box(left, top, left + side, top + side)


def _frame(rule: BoxRule, span: Span, height: int, width: int) -> Box:  # noqa: ARG001
    return whole_frame(height, width)


_RULES: dict[str, Callable[[BoxRule, Span, int, int], Box]] = {
    "clip": _clip,
    "square": _square,
    "window": _window,
    "frame": _frame,
}
