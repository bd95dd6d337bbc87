"""An articulated figure with Kinect v2's 25 joints, and its motions in three dimensions.

Every bone is given by its angle in the image plane and by how far it leans out of it. Seen along z a
bone that leans towards the camera looks like one that leans away (the ambiguity of Lee and Chen,
1985): this is what makes two actions one picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.actions import CONTESTED, Depth, Motion
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]

LEFT = -1.0
"""Sign of x at a person's left: at image left, as NTU RGB+D's mirrored colour videos have it."""

NUM_JOINTS = 25
HANDS = {"left": 7, "right": 11}

_ARM = {"left": (4, 5, 6, 7, 21, 22), "right": (8, 9, 10, 11, 23, 24)}
_LEG = {"left": (12, 13, 14, 15), "right": (16, 17, 18, 19)}
_SPINE = {0: 0.0, 1: 0.28, 20: 0.50, 2: 0.57, 3: 0.71}
"""Height over the hips' centre in metres, of somebody 1.75 m tall."""


@dataclass(frozen=True, slots=True)
class Build:
    """Body measures of one person."""

    height_m: float
    breadth: float
    """Shoulders and hips relative to the average."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Build":
        """Draw a random person's measures."""
        return cls(height_m=float(rng.uniform(1.55, 1.9)), breadth=float(rng.uniform(0.88, 1.12)))


@dataclass(frozen=True, slots=True, repr=False)
class Manner(ShownByShape):
    """One person's way of moving in one clip, drawn alike for every action."""

    side: str
    """The arm that acts: left or right."""
    cycles: float
    """Number of repetitions of the motion within the clip."""
    phase: float
    """Start of the motion, in radians."""
    reach: float
    """Extent of the motion, relative to the average."""
    yaw: float
    """The trunk's turn about the vertical, in radians."""
    sway: Floats
    """(8,): phases of the small movements that nobody suppresses, in radians."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Manner":
        """Draw a random manner."""
        return cls(
            side="left" if rng.random() < 0.5 else "right",
            cycles=float(rng.uniform(1.3, 2.3)),
            phase=float(rng.uniform(0, 2 * np.pi)),
            reach=float(rng.uniform(0.88, 1.12)),
            yaw=float(rng.uniform(-0.2, 0.2)),
            sway=rng.uniform(0, 2 * np.pi, 8),
        )


@dataclass(slots=True)
class _Angles:
    """(T, 2) each: a limb's two bones; `plane` from hanging to outwards, `lean` out of the image plane."""

    plane: Floats
    lean: Floats
    sign: float = -1.0
    """-1 leans towards the camera, +1 away from it."""


def move(build: Build, manner: Manner, motion: Motion, depth: Depth, num_frames: int) -> Floats:
    """(T, 25, 3): joints in metres from the hips' centre; x to image right, y up, z away from the camera."""
    swell = (0.5 - 0.5 * np.cos(_clock(num_frames, manner.cycles, manner.phase))) * manner.reach
    arms, legs = _limbs(manner, motion, depth, swell)
    scale = build.height_m / 1.75
    joints = np.zeros((num_frames, NUM_JOINTS, 3))
    bend = 0.04 * np.sin(_clock(num_frames, 1.0, manner.sway[0]))
    if motion == "bend":
        bend += 0.75 * swell * _shares(num_frames)[1] * (LEFT if manner.side == "right" else -LEFT)
    for joint, height in _SPINE.items():
        joints[:, joint, 0] = height * np.sin(bend)
        joints[:, joint, 1] = height * np.cos(bend)
    for side, x in (("left", LEFT), ("right", -LEFT)):
        _girdle(joints, side, x * build.breadth, manner.yaw)
        _arm(joints, side, x, arms[side])
        _leg(joints, side, x, legs[side])
    return np.asarray(joints * scale)


def _clock(num_frames: int, cycles: float, phase: float) -> Floats:
    """(T,): the angle of a motion that repeats, in radians, at each frame's middle."""
    return np.asarray(2 * np.pi * cycles * (np.arange(num_frames) + 0.5) / num_frames + phase)


def _limbs(
    manner: Manner, motion: Motion, depth: Depth, swell: Floats
) -> tuple[dict[str, _Angles], dict[str, _Angles]]:
    """Angles of both arms and both legs over time: one arm acts, the other limbs do what else the motion asks for."""
    other = "right" if manner.side == "left" else "left"
    arms, legs = _at_rest(manner, len(swell))
    acting = arms[manner.side]
    if motion == "reach":
        _aim(acting, (0.30, 0.75), (0.40, 0.85), (0.35, 0.50), (0.35, 0.65), swell)
    else:
        _aim(acting, (0.25, 0.10), (0.35, 0.10), (0.25, 0.95), (0.25, 1.05), swell)
    acting.sign = 1.0 if depth == "back" else -1.0
    if motion == "wave":
        _aim(arms[other], (2.35, 0.20), (2.10, 1.20), (0.20, 0.0), (0.20, 0.0), swell)
    for side in {"kick": (other,), "straddle": ("left", "right")}.get(motion, ()):
        gain = 1.0 if motion == "kick" else 0.75
        _aim(legs[side], (0.1, gain), (0.1, 0.85 * gain), (0.1, 0.3), (0.1, 0.1), swell)
    if motion in CONTESTED:
        arms_then, legs_then = _at_rest(manner, len(swell))
        _open(arms[other], arms_then[other], np.linspace(1.6, 3.1, max(1, len(swell) // 8)))
        for side, leg in legs.items():
            _open(leg, legs_then[side], np.ones(1))
    return arms, legs


def _at_rest(manner: Manner, num_frames: int) -> tuple[dict[str, _Angles], dict[str, _Angles]]:
    """Both arms and both legs, hanging."""
    arms = {side: _resting(manner, num_frames, 0.14, at) for side, at in (("left", 1), ("right", 3))}
    legs = {side: _resting(manner, num_frames, 0.07, at) for side, at in (("left", 5), ("right", 6))}
    return arms, legs


def _shares(num_frames: int) -> tuple[Floats, Floats]:
    """(T,) each: how much of the opening there is, which ends first, and how much of the motion, which then begins."""
    time = (np.arange(num_frames) + 0.5) / num_frames
    return np.interp(time, (0.14, 0.2), (1.0, 0.0)), np.interp(time, (0.2, 0.28), (0.0, 1.0))


def _open(limb: _Angles, resting: _Angles, planes: Floats) -> None:
    """Begin a contested motion with the limb spread, wider than any motion does: so all of them span the same box.

    Otherwise the crop of the picture would tell what the joints do. `planes` are the angles of the first frames, the
    last of them that of all others.
    """
    spread = np.pad(planes, (0, len(limb.plane) - len(planes)), mode="edge")[:, None]
    opening, motion = (share[:, None] for share in _shares(len(limb.plane)))
    calm = 1 - opening - motion
    limb.plane = calm * resting.plane + motion * limb.plane + opening * spread
    limb.lean = calm * resting.lean + motion * limb.lean


def _resting(manner: Manner, num_frames: int, outward: float, at: int) -> _Angles:
    """A limb that hangs and sways a little."""
    sway = 0.05 * np.sin(_clock(num_frames, 0.9, manner.sway[at]))
    return _Angles(
        plane=np.stack([outward + sway, outward + 1.5 * sway], 1), lean=np.full((num_frames, 2), 0.12)
    )


Law = tuple[float, float]
"""(at rest, added at full swell), in radians."""


def _aim(limb: _Angles, upper: Law, lower: Law, upper_lean: Law, lower_lean: Law, swell: Floats) -> None:
    """Make a limb follow the swell."""
    limb.plane = np.stack([rest + gain * swell for rest, gain in (upper, lower)], 1)
    limb.lean = np.stack([rest + gain * swell for rest, gain in (upper_lean, lower_lean)], 1)


def _girdle(joints: Floats, side: str, x: float, yaw: float) -> None:
    """Shoulder and hip of one side; the turn of the trunk moves them in depth."""
    turned = np.array([x * np.cos(yaw), 0.0, x * np.sin(yaw)])
    joints[:, _ARM[side][0]] = joints[:, 20] + 0.19 * turned - (0, 0.03, 0)
    joints[:, _LEG[side][0]] = joints[:, 0] + 0.10 * turned - (0, 0.03, 0)


def _bone(angles: _Angles, which: int, x: float, length: float) -> Floats:
    """(T, 3): a bone's vector. plane 0 hangs, pi/2 points outwards, pi points up."""
    plane, lean = angles.plane[:, which], angles.lean[:, which]
    flat = length * np.cos(lean)
    return np.stack([x * flat * np.sin(plane), -flat * np.cos(plane), angles.sign * length * np.sin(lean)], 1)


def _arm(joints: Floats, side: str, x: float, angles: _Angles) -> None:
    """Elbow, wrist, hand, tip and thumb below a shoulder."""
    shoulder, elbow, wrist, hand, tip, thumb = _ARM[side]
    joints[:, elbow] = joints[:, shoulder] + _bone(angles, 0, x, 0.29)
    joints[:, wrist] = joints[:, elbow] + _bone(angles, 1, x, 0.25)
    joints[:, hand] = joints[:, wrist] + _bone(angles, 1, x, 0.08)
    joints[:, tip] = joints[:, hand] + _bone(angles, 1, x, 0.08)
    joints[:, thumb] = joints[:, hand] + _bone(angles, 1, x, 0.03) - (x * 0.04, 0, 0)


def _leg(joints: Floats, side: str, x: float, angles: _Angles) -> None:
    """Knee, ankle and foot below a hip."""
    hip, knee, ankle, foot = _LEG[side]
    joints[:, knee] = joints[:, hip] + _bone(angles, 0, x, 0.43)
    joints[:, ankle] = joints[:, knee] + _bone(angles, 1, x, 0.40)
    joints[:, foot] = joints[:, ankle] + (x * 0.03, -0.05, -0.12)
