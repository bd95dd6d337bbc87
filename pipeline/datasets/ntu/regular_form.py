"""A `.skeleton` file as its owners write it, read at once: a line a body and a joint, one space between numbers.

Whatever is otherwise is left to `pipeline.datasets.ntu.skeleton_file`, which reads word by word and names mistakes.
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.skeleton.layouts import NTU_25

HEAD_NUMBERS = 10
JOINT_NUMBERS = 12
NUM_JOINTS = NTU_25.num_joints

READ = (0, 1, 2, 5, 6, 11)
"""Places among a joint's twelve numbers: x, y, z, colour x, colour y, tracking state."""

MOST_DIGITS = 20
"""Digits of a count or an id, at most: 64 bits have 20."""


class SeenBodies(NamedTuple):
    """Every body of every frame, in the file's order. B of them."""

    num_frames: int
    frames: list[int]
    """(B,): the frame of each; rises."""
    ids: list[int]
    """(B,): the sensor's number of each."""
    values: NDArray[np.float64]
    """(B, 25, 6): the numbers of each joint that READ names."""


def read_regular(text: bytes) -> SeenBodies | None:
    """The bodies in a file's content; None where a line is not as expected, or a number that is read is none."""
    try:
        num_frames, frames, ids, lines = _bodies(text.splitlines())
        values = _numbers(b"\n".join(lines)) if lines else np.empty((0, len(READ)))
    except (ValueError, IndexError):
        return None
    if len(values) != NUM_JOINTS * len(ids):
        return None
    return SeenBodies(num_frames, frames, ids, values.reshape(-1, NUM_JOINTS, len(READ)))


def _bodies(lines: list[bytes]) -> tuple[int, list[int], list[int], list[bytes]]:
    """Number of frames, frame and id of each body, and the lines of their joints. ValueError or IndexError."""
    num_frames = _count(lines[0])
    frames: list[int] = []
    ids: list[int] = []
    joints: list[bytes] = []
    place = 1
    for frame in range(num_frames):
        num_bodies = _count(lines[place])
        place += 1
        for _ in range(num_bodies):
            body_id, _, others = lines[place].partition(b" ")
            if others.count(b" ") != HEAD_NUMBERS - 2 or _count(lines[place + 1]) != NUM_JOINTS:
                raise ValueError(others)
            frames.append(frame)
            ids.append(_count(body_id))
            joints += lines[place + 2 : place + 2 + NUM_JOINTS]
            place += 2 + NUM_JOINTS
    if num_frames < 1 or any(line.strip() for line in lines[place:]):
        raise ValueError(num_frames)
    return num_frames, frames, ids, joints


@lru_cache(maxsize=256)
def _count(line: bytes) -> int:
    word = line.strip()
    if not word.isdigit() or len(word) > MOST_DIGITS:
        raise ValueError(word)
    return int(word)


def _numbers(joints: bytes) -> NDArray[np.float64]:
    """(joints, 6): Arrow's reader of numbers, which rounds as Python does. ValueError where it finds none."""
    import pyarrow as pa
    import pyarrow.csv as pc

    table = pc.read_csv(pa.BufferReader(joints), *_form())  # pyarrow's ArrowInvalid is a ValueError
    found = np.empty((table.num_rows, len(READ)))
    for place, column in enumerate(table.columns):
        found[:, place] = column.to_numpy()
    return found


@cache
def _form() -> tuple[Any, Any, Any]:
    """Arrow's options for reading, parsing and converting."""
    import pyarrow as pa
    import pyarrow.csv as pc

    names = [str(number) for number in range(JOINT_NUMBERS)]
    return (
        pc.ReadOptions(use_threads=False, column_names=names, block_size=1 << 24),
        pc.ParseOptions(delimiter=" ", quote_char=False, double_quote=False),
        pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.float64()),
            null_values=[],
            include_columns=[names[place] for place in READ],
        ),
    )
