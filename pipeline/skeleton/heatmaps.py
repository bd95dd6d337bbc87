"""Gaussian pseudo-heatmaps of joints and limbs (SPEC 0.6; EPAM-Net eq. 1; PoseC3D).

A joint k at (x_k, y_k) with confidence c_k gives

    H_k(x, y) = c_k exp(-((x - x_k)^2 + (y - y_k)^2) / (2 sigma^2))

on the cells from int(x_k - 3 sigma) to int(x_k + 3 sigma), the same for y, and 0 elsewhere: the window that
PYSKL and MMAction2 write. A limb gives the Gaussian of the distance to its segment, times the lower of its
ends' confidences; a limb shorter than one cell gives its first joint's map instead. People are merged by
maximum.

Channels are V joints, then one limb for each pair of `bones`: two blocks, never one over the other.
Coordinates and sigma are in cells of the grid: `to_grid` brings joints there first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pipeline.errors import ParamError, SkeletonError
from pipeline.skeleton.layouts import Layout
from pipeline.values import Box

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Maps = NDArray[Any]

REACH = 3
"""Distance in sigmas up to which a Gaussian is drawn."""

STEP = 8
"""Limbs are drawn in patches of a multiple of this many cells: few sizes, so few calls for all of them."""

FARTHEST = np.float32(1e6)
"""Distance in cells from which a joint counts as a tracking failure and is not drawn."""


def to_grid(joints_2d: Floats, box: Box, size: tuple[int, int]) -> Floats:
    """Convert (..., 2) pixels of the frame to cells of a grid of `size` (height, width) laid over `box`."""
    height, width = size
    scale = np.array([width / box.width, height / box.height], dtype=np.float32)
    return np.asarray((joints_2d - np.array([box.left, box.top], dtype=np.float32)) * scale, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatmapRule:
    """Options of the rendering: grid, channels, sigma and scores."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "size",
        "sigma",
        "bones",
        "with_joints",
        "with_limbs",
        "use_score",
        "min_score",
        "dtype",
    )

    size: tuple[int, int] = (56, 56)
    """Height and width of the grid, in cells."""
    sigma: float = 0.6
    """Standard deviation of the Gaussian in cells."""
    bones: tuple[tuple[int, int], ...] = ()
    """Limbs as (joint, joint): a layout's `drawn_limbs`. Not drawn unless `with_limbs`."""
    with_joints: bool = True
    with_limbs: bool = False
    use_score: bool = True
    """Whether the peak is the joint's score; if not, it is 1 for every known joint."""
    min_score: float = 1e-4
    """Least score of a drawn joint: 1e-4 in MMAction2 and EPAM-Net, 1e-3 in PYSKL."""
    dtype: Literal["float32", "uint8"] = "float32"
    """Number type of the maps; uint8 holds round(255 H)."""

    def __post_init__(self) -> None:
        if min(self.size) < 1 or not self.sigma > 0:
            raise ParamError(
                f"size must be at least 1 x 1 and sigma above 0, got {self.size} and {self.sigma}"
            )
        if not (self.with_joints or self.with_limbs):
            raise ParamError("nothing to draw: set with_joints, with_limbs or both")
        if self.with_limbs and not self.bones:
            raise ParamError("with_limbs needs bones: hand over the layout's")
        if self.dtype not in ("float32", "uint8"):
            raise ParamError(f"heatmaps are float32 or uint8, not {self.dtype!r}")

    def channels(self, num_joints: int) -> int:
        """Return K, the number of channels for V joints."""
        return num_joints * self.with_joints + len(self.bones) * self.with_limbs


def render(rule: HeatmapRule, joints: Floats, score: Floats, *, out: Maps | None = None) -> Maps:
    """Draw (T, M, V, 2) joints in cells with (T, M, V) scores as (T, K, H, W) maps, into `out` if given.

    Joints that are NaN, infinite or below `min_score` are not drawn. The inputs are not changed.
    """
    maps = _blank(rule, score.shape, out)
    for stamps in _drawings(rule, joints, score):
        stamps.press(maps)
    return maps


class Canvas:
    """Renders clip after clip into one buffer and clears only what it drew, without a new array for each.

    `draw` returns the buffer itself, valid until the next `draw`: copy it to keep it.
    """

    def __init__(self, rule: HeatmapRule) -> None:
        self._rule = rule
        self._maps: Maps = np.zeros((0, 0, *rule.size), dtype=rule.dtype)
        self._drawn: list[_Stamps] = []

    def draw(self, joints: Floats, score: Floats) -> Maps:
        """Render as the function `render` does: (T, K, H, W)."""
        shape = (score.shape[0], self._rule.channels(score.shape[2]), *self._rule.size)
        if self._maps.shape == shape:
            for stamps in self._drawn:
                stamps.wipe(self._maps)
        else:
            self._maps = np.zeros(shape, dtype=self._rule.dtype)
        self._drawn = list(_drawings(self._rule, joints, score))
        for stamps in self._drawn:
            stamps.press(self._maps)
        return self._maps


def _blank(rule: HeatmapRule, people: tuple[int, ...], out: Maps | None) -> Maps:
    shape = (people[0], rule.channels(people[2]), *rule.size)
    if out is None:
        return np.zeros(shape, dtype=rule.dtype)
    if out.shape != shape or out.dtype != rule.dtype or not out.flags.c_contiguous:
        raise ParamError(f"out must be contiguous {rule.dtype} {shape}, got {out.dtype} {out.shape}")
    out.fill(0)
    return out


def _drawings(rule: HeatmapRule, joints: Floats, score: Floats) -> Iterator["_Stamps"]:
    """Person after person, joints before limbs."""
    if joints.shape != (*score.shape, 2):
        raise SkeletonError(f"joints must be {(*score.shape, 2)} to match score, got {joints.shape}")
    known = (score >= rule.min_score) & (np.abs(joints) < FARTHEST).all(axis=3)
    for person in range(score.shape[1]):
        points, there = joints[:, person], known[:, person]
        weight = score[:, person] if rule.use_score else np.ones(there.shape, dtype=np.float32)
        if rule.with_joints:
            yield _joint_stamps(rule, points, weight, there, person)
        if rule.with_limbs:
            yield from _limb_stamps(rule, points, weight, there, person)


def _joint_stamps(rule: HeatmapRule, points: Floats, weight: Floats, there: Bools, person: int) -> "_Stamps":
    """One person's joints: (T, V, 2), (T, V) and (T, V)."""
    frame, joint = np.nonzero(there)
    channel = frame * rule.channels(there.shape[1]) + joint
    return _dots(rule, points[frame, joint], weight[frame, joint], channel, person)


def _dots(rule: HeatmapRule, centres: Floats, weight: Floats, channel: Ints, person: int) -> "_Stamps":
    """Gaussians around (n, 2) points: the outer product of a row and a column each."""
    height, width = rule.size
    side = int(2 * REACH * rule.sigma) + 2
    lows, highs = _window(rule, centres, centres)
    x = _Cells.of(lows[:, 0], highs[:, 0], width, side)
    y = _Cells.of(lows[:, 1], highs[:, 1], height, side)
    column = np.exp((y.places - centres[:, 1:]) ** 2 * _narrowness(rule)) * y.inside * weight[:, None]
    row = np.exp((x.places - centres[:, :1]) ** 2 * _narrowness(rule)) * x.inside
    return _stamps(rule, column[:, :, None] * row[:, None, :], channel, x, y, person)


def _limb_stamps(
    rule: HeatmapRule, points: Floats, weight: Floats, there: Bools, person: int
) -> Iterator["_Stamps"]:
    """One person's limbs; those of about one size are drawn together, in patches of whole `STEP`s."""
    starts, ends = np.array(rule.bones).T
    frame, bone = np.nonzero(there[:, starts] & there[:, ends])
    start, end = starts[bone], ends[bone]
    first_limb = there.shape[1] if rule.with_joints else 0
    channel = frame * rule.channels(there.shape[1]) + first_limb + bone
    a, b = points[frame, start], points[frame, end]
    short = ((b - a) ** 2).sum(axis=1) < 1
    yield _dots(rule, a[short], weight[frame, start][short], channel[short], person)
    low, high = _window(rule, np.minimum(a, b), np.maximum(a, b))
    grid = np.array(rule.size[::-1])
    spans = np.clip(high, 0, grid) - np.clip(low, 0, grid)
    steps = np.where(short[:, None], 0, -(-spans // STEP)).astype(np.int64)
    lower = np.minimum(weight[frame, start], weight[frame, end])
    for across, down in np.unique(steps[(steps > 0).all(axis=1)], axis=0):
        n = np.flatnonzero((steps[:, 0] == across) & (steps[:, 1] == down))
        x = _Cells.of(low[n, 0], high[n, 0], rule.size[1], across * STEP)
        y = _Cells.of(low[n, 1], high[n, 1], rule.size[0], down * STEP)
        yield _stamps(rule, _strokes(rule, a[n], b[n], lower[n], x, y), channel[n], x, y, person)


def _strokes(rule: HeatmapRule, a: Floats, b: Floats, weight: Floats, x: "_Cells", y: "_Cells") -> Floats:
    """(n, h, w): Gaussian of each cell's distance to the segment from a to b."""
    along = (b - a)[:, :, None, None]
    step = along / (along**2).sum(axis=1, keepdims=True)
    dx, dy = (x.places - a[:, :1])[:, None, :], (y.places - a[:, 1:])[:, :, None]
    share = dx * step[:, 0] + dy * step[:, 1]
    np.minimum(np.maximum(share, 0, out=share), 1, out=share)  # 0 at a, 1 at b
    across = share * along[:, 0]
    np.square(np.subtract(dx, across, out=across), out=across)
    down = np.multiply(share, along[:, 1], out=share)
    np.square(np.subtract(dy, down, out=down), out=down)
    heat = np.add(across, down, out=across)
    np.exp(np.multiply(heat, _narrowness(rule), out=heat), out=heat)
    heat *= (y.inside * weight[:, None])[:, :, None]
    heat *= x.inside[:, None, :]
    return np.asarray(heat, dtype=np.float32)


def _narrowness(rule: HeatmapRule) -> np.float32:
    return np.float32(-1 / (2 * rule.sigma**2))


def _window(rule: HeatmapRule, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """First cell, and the one past the last. sigma 0.6, joint at 10.5: int(8.7) = 8, int(12.3) + 1 = 13."""
    reach = np.float32(REACH * rule.sigma)
    return np.trunc(low - reach), np.trunc(high + reach) + 1


@dataclass(frozen=True, slots=True)
class _Cells:
    """Equally long runs of cells along one axis of the grid, all of them inside it."""

    first: Ints
    """(n,)"""
    places: Floats
    """(n, side): coordinate of each cell."""
    inside: Bools
    """(n, side): whether the cell belongs to the window; a run may hold cells that do not."""

    @classmethod
    def of(cls, low: Floats, high: Floats, length: int, side: int) -> "_Cells":
        """Runs of `side` cells of 0 to `length` that hold [low, high)."""
        side = min(side, length)
        first = np.clip(low, 0, length - side)
        places = np.asarray(first[:, None] + np.arange(side), dtype=np.float32)
        return cls(first.astype(np.int64), places, (places >= low[:, None]) & (places < high[:, None]))


@dataclass(frozen=True, slots=True)
class _Stamps:
    """Patches of one size to press into the maps, at most one a map."""

    corner: Ints
    """(n,): flat index of each patch's first cell."""
    patches: Maps
    """(n, h, w): what the map holds there, unless it already holds more."""
    first: bool
    """Whether the maps are still blank there."""

    def press(self, maps: Maps) -> None:
        windows = self._windows(maps)
        windows[self.corner] = self.patches if self.first else np.maximum(self.patches, windows[self.corner])

    def wipe(self, maps: Maps) -> None:
        self._windows(maps)[self.corner] = 0

    def _windows(self, maps: Maps) -> Maps:
        """(places, h, w): every place where a patch can lie, as views. No patch crosses its map's border."""
        (height, width), (row, column) = self.patches.shape[1:], maps.strides[2:]
        beyond = (height - 1) * maps.shape[3] + width - 1
        return as_strided(maps, (maps.size - beyond, height, width), (column, row, column))


def _stamps(rule: HeatmapRule, patches: Floats, channel: Ints, x: _Cells, y: _Cells, person: int) -> _Stamps:
    corner = (channel * rule.size[0] + y.first) * rule.size[1] + x.first
    if rule.dtype == "uint8":
        return _Stamps(corner, np.rint(patches * 255).astype(np.uint8), person == 0)
    return _Stamps(corner, patches, person == 0)


def flip_heatmaps(maps: Maps, order: tuple[int, ...]) -> Maps:
    """Mirror (..., K, H, W) maps left to right: columns reversed, channels exchanged as `flip_order` says."""
    if maps.shape[-3] != len(order):
        raise ParamError(f"maps have {maps.shape[-3]} channels, but the flip order has {len(order)}")
    return np.asarray(np.take(maps[..., ::-1], order, axis=-3))


def flip_order(
    layout: Layout, *, with_joints: bool = True, limbs: Sequence[tuple[int, int]] = ()
) -> tuple[int, ...]:
    """Return, for each channel, the channel that it becomes in a mirror; limbs follow their ends."""
    order = layout.mirror if with_joints else ()
    places = {frozenset(limb): place for place, limb in enumerate(limbs)}
    mirrored = [frozenset(layout.mirror[joint] for joint in limb) for limb in limbs]
    lonely = [limb for limb, other in zip(limbs, mirrored, strict=True) if other not in places]
    if lonely:
        raise ParamError(f"layout {layout.name!r}: limbs {lonely} have no mirror image among the limbs")
    return (*order, *(len(order) + places[limb] for limb in mirrored))
