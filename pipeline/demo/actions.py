"""The demo's actions, what clips of each show, and the best accuracy that classifiers of each sort can reach.

A skeleton tells two clips apart only where motion or depth differ, a picture only where motion or held object
differ. In clips of six actions both show the motion that is done. In clips of the other four, the contested ones,
picture and joints show two different motions, and one of them is the action. Which one is neither in the picture
nor in the joints: the picture is right where the arm swings a cup to the front or a ball to the back, the joints are
right otherwise, and pictures know no depth, joints no object.

The best accuracies are facts of this table, not of any network. Clips that differ only in what a modality cannot see
are twins there: all else that it sees is equal, so that on the clean clips the ceilings hold to the clip.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Literal

Motion = Literal["swing", "reach", "wave", "kick", "bend", "straddle"]
Depth = Literal["front", "back"]
Held = Literal["ball", "cup"]
Source = Literal["picture", "joints"]

CONTESTED: tuple[Motion, ...] = ("wave", "kick", "bend", "straddle")
"""Motions of which picture and joints show two at a time, while one arm swings: depth and object are always seen."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One clip: its picture shows `seen` and `held`, its joints `tracked` and `depth`."""

    seen: Motion
    """Motion of the figure in the picture."""
    tracked: Motion
    """Motion of the joints."""
    depth: Depth
    """Direction of the moving arm: towards the camera, or behind the body. The image is the same."""
    held: Held | None

    @property
    def num_people(self) -> int:
        """Number of people who act."""
        return 2 if self.seen == "reach" else 1


@dataclass(frozen=True, slots=True)
class Action:
    """One class; `depth` and `held` are None where they vary from clip to clip, or nothing is held."""

    code: int
    """The number behind A in a clip's name, from 1."""
    motion: Motion
    depth: Depth | None = None
    held: Held | None = None

    @property
    def name(self) -> str:
        """Readable name of the action."""
        if self.motion in CONTESTED:
            return f"{self.motion}, in the picture or in the joints"
        people = ", two people" if self.motion == "reach" else ""
        return f"{self.motion} to the {self.depth}{people}" + (f" with a {self.held}" if self.held else "")

    def shown(self) -> tuple[Shown, ...]:
        """Return all that clips of this action show, each equally often."""
        if self.motion not in CONTESTED:
            return (Shown(self.motion, self.motion, self.depth or "front", self.held),)
        others = [motion for motion in CONTESTED if motion != self.motion]
        cases = product(others, ("front", "back"), ("cup", "ball"))
        return tuple(self._contradicted(other, depth, held) for other, depth, held in cases)  # type: ignore[arg-type]

    def _contradicted(self, other: Motion, depth: Depth, held: Held) -> Shown:
        if trusted(depth, held) == "picture":
            return Shown(self.motion, other, depth, held)
        return Shown(other, self.motion, depth, held)


ACTIONS: tuple[Action, ...] = (
    Action(1, "swing", "front", "cup"),
    Action(2, "swing", "back", "cup"),
    Action(3, "swing", "front", "ball"),
    Action(4, "swing", "back", "ball"),
    Action(5, "wave"),
    Action(6, "kick"),
    Action(7, "bend"),
    Action(8, "straddle"),
    Action(9, "reach", "front"),
    Action(10, "reach", "back"),
)


def trusted(depth: Depth, held: Held) -> Source:
    """Return who shows the action where picture and joints contradict each other."""
    return "picture" if (depth == "front") == (held == "cup") else "joints"


def skeleton_kind(shown: Shown) -> tuple[str, ...]:
    """Return all that joints show."""
    return (shown.tracked, shown.depth)


def video_kind(shown: Shown) -> tuple[str, ...]:
    """Return all that a picture shows."""
    return (shown.seen, shown.held or "nothing")


def pose_kind(shown: Shown) -> tuple[str, ...]:
    """Return all that 2-D joints show: neither depth nor object."""
    return (shown.tracked,)


Kind = Callable[[Shown], Hashable]
Posterior = dict[int, Fraction]
"""Probability of each action's code."""


def ceilings() -> dict[str, float]:
    """Best accuracy in per cent that can be expected on balanced actions.

    `skeleton`, `video` and `pose` see one modality. `mean` averages what the two best classifiers of video and
    skeleton hold for probable. `additive` is any sum of a score from the one and a score from the other, learned
    together: concatenation under a linear layer, sums of features or of probabilities, products of probabilities,
    whatever the networks below. `both` is a rule of both, such as a gate.
    """
    best = {
        "skeleton": _best(skeleton_kind),
        "video": _best(video_kind),
        "pose": _best(pose_kind),
        "mean": _mean(),
        "additive": _additive(),
        "both": _best(lambda shown: (skeleton_kind(shown), video_kind(shown))),
    }
    return {name: float(100 * share) for name, share in best.items()}


def _cases() -> list[tuple[int, Shown, Fraction]]:
    """(code, what is shown, how often) of every case; together 1."""
    return [
        (action.code, shown, Fraction(1, len(ACTIONS) * len(action.shown())))
        for action in ACTIONS
        for shown in action.shown()
    ]


def _joint(kind: Kind) -> dict[Hashable, Posterior]:
    """How often each kind is seen with each action; together 1."""
    found: dict[Hashable, Posterior] = {}
    for code, shown, share in _cases():
        of_kind = found.setdefault(kind(shown), {})
        of_kind[code] = of_kind.get(code, Fraction(0)) + share
    return found


def _best(kind: Kind) -> Fraction:
    """Clips of one kind are equal, so the most frequent of their actions is the best answer."""
    return sum((max(of_kind.values()) for of_kind in _joint(kind).values()), Fraction(0))


def _mean() -> Fraction:
    """The most probable action of the mean; of several that are equally probable, any."""
    right = Fraction(0)
    tables = [(kind, _joint(kind)) for kind in (skeleton_kind, video_kind)]
    for code, shown, share in _cases():
        total: Posterior = {}
        for kind, table in tables:
            of_kind = table[kind(shown)]
            for other, often in of_kind.items():
                total[other] = total.get(other, Fraction(0)) + often / sum(of_kind.values())
        best = [other for other, value in total.items() if value == max(total.values())]
        right += share / len(best) if code in best else 0
    return right


def _additive() -> Fraction:
    """Contested actions at the best pattern of trust that a sum can make, the others right.

    Where the picture shows one motion and the joints another, a sum prefers the picture's by p(held) + j(depth) > 0.
    Were it right on all four of held and depth, then p(cup) + j(front) + p(ball) + j(back) would be above 0 by the
    two in which the picture is right, and below 0 by the other two. Every other pattern can be made.
    """
    cells = tuple(product(("front", "back"), ("cup", "ball")))
    truth = [trusted(depth, held) for depth, held in cells]  # type: ignore[arg-type]
    patterns = product(("picture", "joints"), repeat=len(cells))
    possible = [p for p in patterns if not p[0] == p[3] != p[1] == p[2]]
    most = max(sum(map(str.__eq__, pattern, truth)) for pattern in possible)
    contested = Fraction(len(CONTESTED), len(ACTIONS))
    return 1 - contested + contested * Fraction(most, len(cells))
