"""NTU RGB+D `.skeleton` files: text in, tracked bodies out (SPEC 0.2).

The file: number of frames; then for each frame its number of bodies; then for each body ten numbers (id
first, tracking state last), the number of joints (25), and twelve numbers a joint: x y z (metres), depth x y,
colour x y (pixels of the 1920 x 1080 video), four of an orientation, tracking state.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.ntu.bodies import BodyRule, select_bodies
from pipeline.datasets.ntu.body import Body
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import MOST, Skeleton

HEAD_NUMBERS = 10
JOINT_NUMBERS = 12
NUM_JOINTS = NTU_25.num_joints
BODY_NUMBERS = HEAD_NUMBERS + 1 + NUM_JOINTS * JOINT_NUMBERS

QUOTED_LETTERS = 40
"""Letters that a message quotes of a word: a file of a megabyte may be one word."""

MOST_DIGITS = 20
"""Digits of a count or an id, at most: 64 bits have 20."""

STATE_SCORES = np.array([0.0, 0.5, 1.0], dtype=np.float32)
"""Tracking states stand in for a confidence, which NTU RGB+D has not: 0 not tracked, 1 inferred, 2 tracked.

A joint with a number that is not finite scores 0 too.
"""


def read_ntu_skeleton(
    path: Path, *, max_persons: int = 2, body_rule: BodyRule = "motion"
) -> tuple[Skeleton, frozenset[str]]:
    """The people in a `.skeleton` file, a skeleton frame for each of its frames, and the flags found."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    num_frames, bodies, flags = parse_bodies(text, path.name)
    if not bodies:
        raise SkeletonError(f"{path.name}: nobody is seen in any of its {num_frames} frames")
    skeleton, more = select_bodies(bodies, num_frames, max_persons=max_persons, rule=body_rule)
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
    tokens = text.split()
    numbers = _numbers(tokens, text, name)
    num_frames, places = _walk(tokens, text, name)
    seen: dict[int, dict[int, int]] = defaultdict(dict)
    flags = set()
    for frame, start in places:
        if seen[int(tokens[start])].setdefault(frame, start) != start:
            flags.add("body_dropped")  # the same id twice in one frame: the first counts
    bodies = [_body(body_id, starts, numbers) for body_id, starts in seen.items()]
    return num_frames, tuple(body for body in bodies if body is not None), frozenset(flags)


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


def _body(body_id: int, starts: dict[int, int], numbers: NDArray[np.float64]) -> Body | None:
    """One body's frames; a frame in which every joint lies at exactly 0, 0, 0 does not show it."""
    first = np.fromiter(starts.values(), dtype=np.int64)[:, None] + HEAD_NUMBERS + 1
    values = numbers[first + np.arange(NUM_JOINTS * JOINT_NUMBERS)].reshape(-1, NUM_JOINTS, JOINT_NUMBERS)
    shown = (values[:, :, :3] != 0).any(axis=(1, 2))
    if not shown.any():
        return None
    values = values[shown]
    joints_3d, joints_2d = _known(values[:, :, 0:3]), _known(values[:, :, 5:7])
    unknown = np.isnan(joints_3d).any(axis=2) | np.isnan(joints_2d).any(axis=2)
    return Body(
        body_id=body_id,
        frames=np.fromiter(starts, dtype=np.int32)[shown],
        joints_3d=joints_3d,
        joints_2d=joints_2d,
        score=np.where(unknown, np.float32(0), _state_scores(values[:, :, 11])),
    )


def _known(joints: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32; a joint is NaN where one of its numbers is not finite. Outside the picture is a place too.

    Asked after conversion: 1e300 is a number in the file and infinity in float32.
    """
    with np.errstate(over="ignore"):
        numbers = joints.astype(np.float32)
    return np.where(np.isfinite(numbers).all(axis=2, keepdims=True), numbers, np.float32(np.nan))


def _state_scores(states: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores of tracking states; what is neither 0, 1 nor 2 is not tracked."""
    known = np.isin(states, np.arange(len(STATE_SCORES)))
    return STATE_SCORES[np.where(known, states, 0).astype(np.intp)]


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
