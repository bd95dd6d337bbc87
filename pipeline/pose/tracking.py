"""People followed from frame to frame: greedily, the most alike first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.pose.similarity import iou, oks, sigmas
from pipeline.shown import ShownByShape
from pipeline.skeleton.layouts import Layout

Measure = Literal["oks", "iou"]
Rank = Literal["score", "motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRule:
    """Rule by which people found in single frames become bodies of a clip."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        *("similarity", "min_similarity", "max_gap_frames", "duplicate", "min_score", "rank"),
    )

    similarity: Measure = "oks"
    """`oks`: distance of the joints, in shares of the body's size. `iou`: overlap of the boxes around them."""
    min_similarity: float = 0.2
    """Below this two poses are of two people."""
    max_gap_frames: int = 15
    """Frames that a person may be out of sight and stay the same."""
    duplicate: float = 0.9
    """From this similarity on, two poses in one frame are one person, found twice; the surer stays."""
    min_score: float = 0.3
    """Mean score of the joints below which nobody is there."""
    rank: Rank = "score"
    """Bodies that stay where there are more than slots: the surest over all frames, or those that move most."""

    def __post_init__(self) -> None:
        for name, known in (("similarity", Measure), ("rank", Rank)):
            if getattr(self, name) not in get_args(known):
                raise ParamError(
                    f"{name} must be one of {list(get_args(known))}, got {getattr(self, name)!r}"
                )
        for name in ("min_similarity", "duplicate", "min_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ParamError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if self.max_gap_frames < 0:
            raise ParamError(f"max_gap_frames must be 0 or more, got {self.max_gap_frames}")


@dataclass(frozen=True, slots=True, repr=False)
class People(ShownByShape):
    """People found in one frame. P people, V joints."""

    joints: NDArray[np.float32]
    """(P, V, 2): x and y in pixels; NaN where a joint is unknown."""
    score: NDArray[np.float32]
    """(P, V): confidence in [0, 1]; 0 where a joint is unknown."""


@dataclass(slots=True, repr=False)
class Track(ShownByShape):
    """One person in the frames in which it was found."""

    frames: list[int] = field(default_factory=list)
    """Rise strictly."""
    joints: list[NDArray[np.float32]] = field(default_factory=list)
    """One (V, 2) a frame."""
    score: list[NDArray[np.float32]] = field(default_factory=list)
    """One (V,) a frame."""

    def add(self, frame: int, joints: NDArray[np.float32], score: NDArray[np.float32]) -> None:
        """Add what is seen of the person in one more frame, later than the others."""
        self.frames.append(frame)
        self.joints.append(joints)
        self.score.append(score)

    @property
    def total_score(self) -> float:
        """Sum over its frames of the mean score."""
        return float(sum(float(score.mean()) for score in self.score))

    @property
    def motion_pixels(self) -> float:
        """Sum over joints and axes of the standard deviation over time, in pixels; unknown joints left out."""
        joints = np.stack(self.joints).astype(np.float64)
        moving = joints[:, np.isfinite(joints).all(axis=(0, 2))]
        return float(moving.std(axis=0).sum())


def sure_people(found: People, rule: TrackRule, layout: Layout) -> People:
    """The people that are there at all, the surest first, each once."""
    mean = found.score.mean(axis=1)
    order = np.argsort(-mean, kind="stable")
    order = order[(mean[order] >= rule.min_score) & (mean[order] > 0)]
    joints, score = found.joints[order], found.score[order]
    alike = _similarity(joints, joints, rule, layout)
    kept: list[int] = []
    for person in range(len(order)):
        if all(alike[person, other] < rule.duplicate for other in kept):
            kept.append(person)
    return People(joints[kept], score[kept])


def follow(frames: Iterable[People], rule: TrackRule, layout: Layout) -> list[Track]:
    """Follow everybody through the frames 0, 1, …; return tracks as the rule ranks them, ties by first appearance.

    In each frame the most alike pair of a track and a pose is joined first, then the next of those left; a pose like
    no track begins one. A track that nobody continued for more than `max_gap_frames` frames has ended.
    """
    tracks: list[Track] = []
    for number, found in enumerate(frames):
        people = sure_people(found, rule, layout)
        alive = [track for track in tracks if number - track.frames[-1] <= rule.max_gap_frames + 1]
        track_of = _joined(alive, people, rule, layout)
        for person, (joints, score) in enumerate(zip(people.joints, people.score, strict=True)):
            if person not in track_of:
                track_of[person] = Track()
                tracks.append(track_of[person])
            track_of[person].add(number, joints, score)
    by_motion = rule.rank == "motion"
    return sorted(tracks, key=lambda one: one.motion_pixels if by_motion else one.total_score, reverse=True)


def _joined(alive: Sequence[Track], people: People, rule: TrackRule, layout: Layout) -> dict[int, Track]:
    """Tracks that go on, by the place of the pose that continues each."""
    if not alive or not len(people.score):
        return {}
    last = np.stack([track.joints[-1] for track in alive])
    alike = _similarity(last, people.joints, rule, layout)
    found: dict[int, Track] = {}
    while (best := float(alike.max())) >= rule.min_similarity and best > 0:
        track, person = divmod(int(alike.argmax()), alike.shape[1])
        found[person] = alive[track]
        alike[track], alike[:, person] = 0, 0
    return found


def _similarity(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], rule: TrackRule, layout: Layout
) -> NDArray[np.float64]:
    """(P, V, 2) and (Q, V, 2) → (P, Q)."""
    return iou(ours, theirs) if rule.similarity == "iou" else oks(ours, theirs, sigmas(layout))
