"""The demo's plan: who does which action before which camera, what each clip shows, and the defects.

Clips that differ in depth or object only are twins: all else in them is equal, but the wall behind, which changes
with the object. A person's contested clips before one camera come in blocks of four, two of each of two motions: the
picture shows the one, the joints the other, and the arm swings cup and ball to the front and to the back. So a block
has two pictures and two skeletons, each of them in two clips, right in the one and wrong in the other.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.demo.actions import ACTIONS, CONTESTED, Action, Motion, Shown
from pipeline.errors import ParamError

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
class Take:
    """One clip to record: NTU RGB+D's numbers, and what is spoilt in it."""

    setup: int
    camera: int
    subject: int
    repetition: int
    action: Action
    shown: Shown
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
        """Name of this clip's random numbers, which twins share: without depth and object."""
        if self.shown.seen != self.shown.tracked:
            return f"{self.clip_id[:12]}/{self.shown.seen}, {self.shown.tracked}"
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


_RIVALS: tuple[tuple[tuple[Motion, Motion], tuple[Motion, Motion]], ...] = (
    (("wave", "kick"), ("bend", "straddle")),
    (("wave", "bend"), ("kick", "straddle")),
    (("wave", "straddle"), ("kick", "bend")),
)
"""The three ways to pair the contested motions."""


def _clean(size: DemoSize) -> Iterator[Take]:
    """Balanced over actions; a subject keeps to one set-up, and begins with a camera of its own."""
    for place, subject in enumerate((*size.train_subjects, *size.test_subjects)):
        for number in range(size.takes):
            turn, half = divmod(number, 2)
            camera = 1 + (place + turn) % 3
            for action in ACTIONS:
                shown = _shown(action, place, turn, half)
                yield Take(1 + subject % 2, camera, subject, 1 + half, action, shown)


def _shown(action: Action, place: int, turn: int, half: int) -> Shown:
    """What a clean clip shows: of a contested action one of the two that its block holds, the other half the other."""
    if action.motion not in CONTESTED:
        return action.shown()[0]
    pair = next(pair for pair in _RIVALS[place % len(_RIVALS)] if action.motion in pair)
    sides = pair if turn % 2 == 0 else pair[::-1]
    of_block = [shown for shown in action.shown() if (shown.seen, shown.tracked) == sides]
    return of_block[(place + half) % 2]


def _flawed(size: DemoSize) -> Iterator[Take]:
    """The spoilt clips, dealt out to the subjects in turn; picture and joints show the same motion."""
    for number, (flaw, part, code) in enumerate(FLAWED):
        subjects = size.train_subjects if part == "train" else size.test_subjects
        subject, action = subjects[number % len(subjects)], ACTIONS[code - 1]
        shown = replace(action.shown()[0], seen=action.motion, tracked=action.motion)
        yield Take(1 + subject % 2, 1 + number % 3, subject, 3, action, shown, flaw)


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for what the names name, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    return np.random.default_rng(
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    )
