"""One clip, before it is written: frames drawn and joints measured, from one stream of random numbers.

Every clip takes the same draws from its stream in the same order, whatever it shows. So two clips
that a modality cannot tell apart give it, from one stream, the very same data: their distributions
are equal, which is what the ceilings rest on (`tests/test_demo.py`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.actions import Motion, Shown
from pipeline.demo.body import HANDS, LEFT, NUM_JOINTS, Build, Manner, move
from pipeline.demo.camera import View, colour_pixels, depth_pixels, to_camera
from pipeline.demo.draw import Dress, Figure, Image, background, frame
from pipeline.demo.scenario import generator
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]

FEWEST_FRAMES, MOST_FRAMES = 36, 48
NOISE_M = 0.01
"""Standard deviation of a joint's error, along each axis, in each frame."""

_PEOPLE = 3
"""Two actors and a spectator are drawn for every clip; the action decides who is seen."""


@dataclass(frozen=True, slots=True)
class Person:
    """Properties of one person that are the same in all clips."""

    build: Build
    dress: Dress

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Person":
        """Draw a random person."""
        return cls(Build.drawn(rng), Dress.drawn(rng))


def subject(seed: int, number: int, setup: int) -> Person:
    """A subject of the demo: one build everywhere, and one dress a set-up."""
    return Person(
        Build.drawn(generator(seed, "build", number)),
        Dress.drawn(generator(seed, "dress", number, setup)),
    )


@dataclass(frozen=True, slots=True, repr=False)
class Recording(ShownByShape):
    """One clip. T frames, M bodies, 25 joints."""

    frames: Image
    """(T, H, W, 3) uint8 RGB."""
    joints: Floats
    """(T', M, 25, 3): metres in the camera's frame, with noise; T' may be less than T where spoilt."""
    colour: Floats
    """(T', M, 25, 2): x and y in pixels of the video."""
    depth: Floats
    """(T', M, 25, 2): x and y in pixels of the depth image."""
    present: NDArray[np.bool_]
    """(T', M): whether the sensor saw this body."""


@dataclass(frozen=True, slots=True)
class _Draws:
    """Everything left to chance in a clip; none of it knows the action."""

    num_frames: int
    view: View
    people: tuple[Person, ...]
    manners: tuple[Manner, ...]
    roots: Floats
    """(3, 3): where each stands, in metres of the scene, if alone."""
    apart_m: float
    subject_left: bool
    subject_first: bool
    """Whether the subject is drawn before the partner."""
    tilt: float
    noise: Floats
    """(48, 3, 25, 3): errors in metres."""
    backdrops: tuple[Image, Image]
    """Behind whoever holds no ball, and behind who holds one: as many as there are different pictures."""


def record(
    shown: Shown, who: Person, *, camera: int, rng: np.random.Generator, spectator: bool = False
) -> Recording:
    """Let somebody act before a camera; a spectator stands by where asked for."""
    draws = _draw(who, camera, rng)
    cast = list(range(shown.num_people)) + ([2] if spectator else [])
    noisy = _bodies(shown.tracked, shown, draws, cast) + draws.noise[: draws.num_frames, cast]
    return Recording(
        frames=_film(shown, draws, cast, _bodies(shown.seen, shown, draws, cast)),
        joints=noisy,
        colour=colour_pixels(noisy, draws.view),
        depth=depth_pixels(noisy, draws.view),
        present=np.ones(noisy.shape[:2], bool),
    )


def _draw(who: Person, camera: int, rng: np.random.Generator) -> _Draws:
    return _Draws(
        num_frames=int(rng.integers(FEWEST_FRAMES, MOST_FRAMES + 1)),
        view=View.drawn(rng, camera=camera),
        people=(who, Person.drawn(rng), Person.drawn(rng)),
        manners=tuple(Manner.drawn(rng) for _ in range(_PEOPLE)),
        roots=rng.uniform((-0.45, -0.03, -0.2), (0.45, 0.03, 0.2), (_PEOPLE, 3)),
        apart_m=float(rng.uniform(0.62, 0.8)),
        subject_left=bool(rng.random() < 0.5),
        subject_first=bool(rng.random() < 0.5),
        tilt=float(rng.uniform(-0.35, 0.35)),
        noise=rng.normal(0, NOISE_M, (MOST_FRAMES, _PEOPLE, NUM_JOINTS, 3)),
        backdrops=(background(rng), background(rng)),
    )


def _bodies(motion: Motion, shown: Shown, draws: _Draws, cast: list[int]) -> Floats:
    """(T, M, 25, 3): the joints of all in the camera's frame, without noise, the actors in this motion."""
    return np.stack([_body(motion, shown, draws, person) for person in cast], axis=1)


def _body(motion: Motion, shown: Shown, draws: _Draws, person: int) -> Floats:
    """(T, 25, 3): one person's joints."""
    root, manner = draws.roots[person].copy(), draws.manners[person]
    if person == 2:
        root[0] = 1.2 if draws.roots[0, 0] < 0 else -1.2
        manner, motion = replace(manner, reach=0.0), "swing"
    elif shown.num_people == 2:
        side = -1.0 if (person == 0) == draws.subject_left else 1.0
        root[0] = side * draws.apart_m / 2
        manner = replace(manner, side="left" if side * LEFT < 0 else "right")
    body = move(draws.people[person].build, manner, motion, shown.depth, draws.num_frames)
    return to_camera(body + root, draws.view)


def _film(shown: Shown, draws: _Draws, cast: list[int], joints: Floats) -> Image:
    """(T, H, W, 3): the cast before the backdrop, the spectator behind the actors."""
    pixels = colour_pixels(joints, draws.view)
    order = sorted(range(len(cast)), key=lambda at: (cast[at] != 2, (cast[at] == 0) != draws.subject_first))
    shots = [
        frame(
            draws.backdrops[shown.held == "ball"],
            [_figure(shown, draws, cast[at], pixels[time, at]) for at in order],
            pixels_per_m=draws.view.pixels_per_m,
            gain=draws.view.gain,
        )
        for time in range(draws.num_frames)
    ]
    return np.stack(shots)


def _figure(shown: Shown, draws: _Draws, person: int, pixels: Floats) -> Figure:
    held = shown.held if person == 0 else None
    return Figure(pixels, draws.people[person].dress, held, HANDS[draws.manners[person].side], draws.tilt)
