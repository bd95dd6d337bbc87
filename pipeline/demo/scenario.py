"""The demo's plan: its actions and their ceilings, its subjects and cameras, and the defects.

A skeleton tells two actions apart only where motion or depth differ; a picture only where motion or
held object differ. The best accuracy of a modality on balanced actions is thus the number of kinds
that it sees, divided by the number of actions: a fact of the plan below, not of any network. Clips that
differ in depth or object only are twins: all else in them is equal, so that on the clean clips the
ceilings hold to the clip, and luck can't lift a result above them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.errors import ParamError

Motion = Literal["swing", "wave", "kick", "reach"]
Depth = Literal["front", "back"]
Held = Literal["ball", "book", "cup", "phone"]
Flaw = Literal[
    "missing_skeleton",
    "truncated_video",
    "unreadable_video",
    "frames_without_body",
    "ghost_body",
    "spectator",
    "nan_joints",
    "short_skeleton",
]


@dataclass(frozen=True, slots=True)
class Action:
    """One class. The joints see `motion` and `depth`, the picture sees `motion` and `held`."""

    code: int
    """The number behind A in a clip's name, from 1."""
    motion: Motion
    depth: Depth
    """Direction of the moving arm: towards the camera, or behind the body. The image is the same."""
    held: Held | None

    @property
    def num_people(self) -> int:
        """Number of people who act."""
        return 2 if self.motion == "reach" else 1

    @property
    def name(self) -> str:
        """Readable name of the action."""
        where = {"swing": f" to the {self.depth}", "reach": f" to the {self.depth}, two people"}.get(
            self.motion, ""
        )
        return self.motion + where + (f" with a {self.held}" if self.held else "")


ACTIONS: tuple[Action, ...] = (
    Action(1, "swing", "front", "cup"),
    Action(2, "swing", "back", "cup"),
    Action(3, "swing", "front", "ball"),
    Action(4, "swing", "back", "ball"),
    Action(5, "wave", "front", "cup"),
    Action(6, "wave", "front", "book"),
    Action(7, "kick", "front", "phone"),
    Action(8, "kick", "front", "ball"),
    Action(9, "reach", "front", None),
    Action(10, "reach", "back", None),
)


def skeleton_kind(action: Action) -> tuple[str, ...]:
    """Return all properties of an action that joints show."""
    return (action.motion, action.depth)


def video_kind(action: Action) -> tuple[str, ...]:
    """Return all properties of an action that a picture shows."""
    return (action.motion, action.held or "nothing")


def pose_kind(action: Action) -> tuple[str, ...]:
    """Return all properties of an action that 2-D joints show: neither depth nor object."""
    return (action.motion,)


def ceilings() -> dict[str, float]:
    """Best accuracy in per cent that any classifier can expect on balanced actions, by modality.

    Actions of one kind have the same distribution, so one of them at most is right: kinds / actions.
    """
    kinds = {
        "skeleton": {skeleton_kind(action) for action in ACTIONS},
        "video": {video_kind(action) for action in ACTIONS},
        "pose": {pose_kind(action) for action in ACTIONS},
        "both": {skeleton_kind(action) + video_kind(action) for action in ACTIONS},
    }
    return {modality: 100.0 * len(found) / len(ACTIONS) for modality, found in kinds.items()}


@dataclass(frozen=True, slots=True)
class Take:
    """One clip to record: NTU RGB+D's numbers, and what is spoilt in it."""

    setup: int
    camera: int
    subject: int
    repetition: int
    action: Action
    flaw: Flaw | None = None

    @property
    def clip_id(self) -> str:
        """The name in NTU RGB+D's form, e.g. S001C002P003R001A004."""
        return (
            f"S{self.setup:03d}C{self.camera:03d}P{self.subject:03d}"
            f"R{self.repetition:03d}A{self.action.code:03d}"
        )

    @property
    def scene(self) -> str:
        """Name of this clip's random numbers: without depth and object, so that twins share them."""
        return f"{self.clip_id[:16]}/{self.action.motion}"


@dataclass(frozen=True, slots=True)
class DemoSize:
    """Subjects and number of recordings."""

    train_subjects: tuple[int, ...]
    """Subjects of NTU RGB+D 60's training part, cross-subject."""
    test_subjects: tuple[int, ...]
    """Subjects of its test part."""
    takes: int
    """Clean clips of each subject and action, at most 6: three cameras, two repetitions."""

    def __post_init__(self) -> None:
        if not self.train_subjects or not self.test_subjects:
            raise ParamError("a demo needs at least one training and one test subject, got none; name some")
        if set(self.train_subjects) & set(self.test_subjects):
            raise ParamError(
                f"subjects must train or test, not both: {self.train_subjects} and {self.test_subjects}"
            )
        if not 1 <= self.takes <= 6:
            raise ParamError(f"takes must be 1 to 6 (three cameras, two repetitions), got {self.takes}")


FULL = DemoSize((1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18), (3, 7, 10, 12, 20, 21), takes=4)
SMALL = DemoSize((1, 2, 4), (3, 10), takes=1)
SIZES: dict[str, DemoSize] = {"full": FULL, "small": SMALL}
"""480 + 240 clean clips, or 30 + 20; the spoilt ones come on top.

Subjects are chosen so that no name stands on NTU RGB+D's published list of missing skeletons.
"""

FLAWED: tuple[tuple[Flaw, Literal["train", "test"], int], ...] = (
    ("missing_skeleton", "train", 1),
    ("missing_skeleton", "test", 6),
    ("truncated_video", "train", 5),
    ("truncated_video", "test", 8),
    ("unreadable_video", "train", 4),
    ("frames_without_body", "train", 2),
    ("frames_without_body", "test", 7),
    ("ghost_body", "train", 9),
    ("spectator", "test", 10),
    ("nan_joints", "train", 3),
    ("nan_joints", "test", 5),
    ("short_skeleton", "train", 8),
    ("short_skeleton", "test", 2),
)
"""(what is spoilt, whose clip, action code): recorded as repetition 3, beside the clean clips."""


def plan(size: DemoSize) -> tuple[Take, ...]:
    """Every clip of the demo, sorted by its name."""
    takes = [*_clean(size), *_flawed(size)]
    return tuple(sorted(takes, key=lambda take: take.clip_id))


def _clean(size: DemoSize) -> Iterator[Take]:
    """Balanced over actions; a subject keeps to one set-up, and begins with a camera of its own."""
    for place, subject in enumerate((*size.train_subjects, *size.test_subjects)):
        for number in range(size.takes):
            camera, repetition = 1 + (place + number) % 3, 1 + number // 3
            for action in ACTIONS:
                yield Take(1 + subject % 2, camera, subject, repetition, action)


def _flawed(size: DemoSize) -> Iterator[Take]:
    """The spoilt clips, dealt out to the subjects in turn."""
    for number, (flaw, part, code) in enumerate(FLAWED):
        subjects = size.train_subjects if part == "train" else size.test_subjects
        subject = subjects[number % len(subjects)]
        yield Take(1 + subject % 2, 1 + number % 3, subject, 3, ACTIONS[code - 1], flaw)


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for what the names name, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    return np.random.default_rng(
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    )
