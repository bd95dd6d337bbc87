"""NTU RGB+D `.skeleton` files: text in, tracked bodies out (SPEC 0.2).

The file: number of frames; then for each frame its number of bodies; then for each body ten numbers (id
first, tracking state last), the number of joints (25), and twelve numbers a joint: x y z (metres), depth x y,
colour x y (pixels of the 1920 x 1080 video), four of an orientation, tracking state.
"""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.ntu.bodies import BodyRule, select_bodies
from pipeline.datasets.ntu.body import BODY_FILTERS, Body, BodyFilter
from pipeline.datasets.ntu.regular_form import (
    HEAD_NUMBERS,
    JOINT_NUMBERS,
    MOST_DIGITS,
    NUM_JOINTS,
    READ,
    SeenBodies,
    read_regular,
)
from pipeline.errors import SkeletonError
from pipeline.values import MOST, Skeleton

BODY_NUMBERS = HEAD_NUMBERS + 1 + NUM_JOINTS * JOINT_NUMBERS

QUOTED_LETTERS = 40
"""Letters that a message quotes of a word: a file of a megabyte may be one word."""

STATE_SCORES = np.array([0.0, 0.5, 1.0], dtype=np.float32)
"""Tracking states stand in for a confidence, which NTU RGB+D has not: 0 not tracked, 1 inferred, 2 tracked.

A joint with a number that is not finite scores 0 too.
"""


def read_ntu_skeleton(
    path: Path,
    *,
    max_persons: int = 2,
    body_rule: BodyRule = "motion",
    body_filters: Collection[BodyFilter] = BODY_FILTERS,
    count_filters: bool = False,
) -> tuple[Skeleton, frozenset[str]]:
    """The people in a `.skeleton` file, a skeleton frame for each of its frames, and the flags found."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    num_frames, bodies, flags = parse_bodies(text, path.name)
    if not bodies:
        raise SkeletonError(f"{path.name}: nobody is seen in any of its {num_frames} frames")
    skeleton, more = select_bodies(
        bodies,
        num_frames,
        max_persons=max_persons,
        rule=body_rule,
        filters=body_filters,
        count_filters=count_filters,
    )
    return skeleton, flags | more


def num_frames_of(path: Path) -> int:
    """Return the frame count in the file's first line. Raises SkeletonError where there is none."""
    try:
        with path.open("rb") as file:
            word = file.readline(QUOTED_LETTERS).strip()
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    if not word.isdigit() or not 0 < int(word) <= MOST:
        raise SkeletonError(f"{path.name}: line 1: expected the number of frames, got {_quoted(word)}")
    return int(word)


def parse_bodies(text: bytes, name: str) -> tuple[int, tuple[Body, ...], frozenset[str]]:
    """Number of frames, the bodies by id, and flags; SkeletonError names the line that breaks the form.

    Followed by id over the frames, not by place in a frame: places change when somebody leaves.
    """
    seen = read_regular(text) or _read_words(text, name)
    places: dict[int, dict[int, int]] = defaultdict(dict)
    flags = set()
    for place, (frame, body_id) in enumerate(zip(seen.frames, seen.ids, strict=True)):
        if places[body_id].setdefault(frame, place) != place:
            flags.add("body_dropped")  # the same id twice in one frame: the first counts
    bodies = [_body(body_id, its, seen.values) for body_id, its in places.items()]
    return seen.num_frames, tuple(body for body in bodies if body is not None), frozenset(flags)


def _read_words(text: bytes, name: str) -> SeenBodies:
    """What `read_regular` gives, whatever stands between the words; SkeletonError where they break the form."""
    tokens = text.split()
    numbers = _numbers(tokens, text, name)
    num_frames, places = _walk(tokens, text, name)
    starts = np.array([start for _, start in places], np.int64)[:, None] + HEAD_NUMBERS + 1
    values = numbers[starts + np.arange(NUM_JOINTS * JOINT_NUMBERS)].reshape(-1, NUM_JOINTS, JOINT_NUMBERS)
    ids = [int(tokens[start]) for _, start in places]
    return SeenBodies(num_frames, [frame for frame, _ in places], ids, values[..., READ])


def _numbers(tokens: list[bytes], text: bytes, name: str) -> NDArray[np.float64]:
    """All tokens as float64, at once: 26,000 of them in 5 ms."""
    try:
        return np.array(tokens, dtype=np.float64)
    except ValueError:
        index = next(index for index, token in enumerate(tokens) if not _is_number(token))
        raise _error(text, name, index, f"expected a number, got {_quoted(tokens[index])}") from None


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _walk(tokens: list[bytes], text: bytes, name: str) -> tuple[int, list[tuple[int, int]]]:
    """Number of frames, and (frame, index of the first token) of every body; the counts must add up."""

    def count(index: int, what: str, low: int) -> int:
        if index >= len(tokens):
            raise _error(text, name, index, f"the file ends where {what} should stand: it is truncated")
        if not tokens[index].isdigit() or len(tokens[index]) > MOST_DIGITS or int(tokens[index]) < low:
            raise _error(text, name, index, f"expected {what}, got {_quoted(tokens[index])}")
        return int(tokens[index])

    num_frames = count(0, "the number of frames", 1)
    places = []
    position = 1
    for frame in range(num_frames):
        num_bodies = count(position, f"the number of bodies of frame {frame}", 0)
        position += 1
        for _ in range(num_bodies):
            count(position, f"a body id of frame {frame}", 0)
            num_joints = count(position + HEAD_NUMBERS, "the number of joints", 1)
            if num_joints != NUM_JOINTS:
                raise _error(text, name, position + HEAD_NUMBERS, f"expected 25 joints, got {num_joints}")
            places.append((frame, position))
            position += BODY_NUMBERS
    if position != len(tokens):
        problem = "truncated" if position > len(tokens) else "followed by more numbers than it announces"
        raise _error(
            text, name, min(position, len(tokens)), f"{num_frames} frames expected, but the file is {problem}"
        )
    return num_frames, places


def _body(body_id: int, places: dict[int, int], seen: NDArray[np.float64]) -> Body | None:
    """One body's frames; a frame in which every joint lies at exactly 0, 0, 0 does not show it."""
    values = seen[list(places.values())]
    shown = (values[:, :, :3] != 0).reshape(len(values), -1).any(axis=1)
    if not shown.any():
        return None
    values = values[shown]
    joints_3d, joints_2d = _known(values[:, :, 0:3]), _known(values[:, :, 3:5])
    unknown = np.isnan(joints_3d[..., 0]) | np.isnan(joints_2d[..., 0])
    return Body(
        body_id=body_id,
        frames=np.fromiter(places, dtype=np.int32)[shown],
        joints_3d=joints_3d,
        joints_2d=joints_2d,
        score=np.where(unknown, np.float32(0), _state_scores(values[:, :, 5])),
    )


def _known(joints: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32; a joint is NaN where one of its numbers is not finite. Outside the picture is a place too.

    Asked after conversion: 1e300 is a number in the file and infinity in float32.
    """
    with np.errstate(over="ignore"):
        numbers = joints.astype(np.float32)
    if np.isfinite(numbers).all():
        return numbers
    return np.where(np.isfinite(numbers).all(axis=2, keepdims=True), numbers, np.float32(np.nan))


def _state_scores(states: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores of tracking states; what is neither 0, 1 nor 2 is not tracked."""
    return np.asarray(sum((states == state) * score for state, score in enumerate(STATE_SCORES)))


def _quoted(word: bytes) -> str:
    """The word, or its beginning and length."""
    more = f"… ({len(word):,} bytes)" if len(word) > QUOTED_LETTERS else ""
    return repr(word[:QUOTED_LETTERS].decode("ascii", "replace")) + more


def _error(text: bytes, name: str, index: int, problem: str) -> SkeletonError:
    """A SkeletonError that names the line on which token `index` stands, counted from 1."""
    tokens = 0
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        tokens += len(line.split())
        if tokens > index:
            return SkeletonError(f"{name}: line {number}: {problem}; fetch the file again")
    return SkeletonError(f"{name}: after line {len(lines)}: {problem}; fetch the file again")
