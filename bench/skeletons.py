"""NTU RGB+D's `.skeleton` files: parsing and normalising, against straightforward loops over joints.

    python bench/skeletons.py --folder ../shared/data/ntu_skeletons

The yardstick does what 2s-AGCN's scripts do, number by number: it reads a file line by line into dictionaries and fills
an array from them; and it pads a clip to 300 frames, takes the centre joint away person by person, and multiplies each
joint of each frame by two rotations. Ours reads bodies, pixels, scores and flags too. CPU seconds of one thread, in
turns; each figure is the median over rounds of the mean over the folder's files. Then `read_ntu_skeleton` reads the
files again and again: the process's peak memory after 100 and after 1,000 clips.
"""

import argparse
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.datasets.ntu.skeleton_file import read_ntu_skeleton
from pipeline.skeleton.layouts import NTU_25
from pipeline.skeleton.normalise import SkeletonInput, normalise, window
from pipeline.values import Skeleton

Floats = NDArray[np.float32]

PARSING, NORMALISING = 4.0, 20.0
"""Times as fast as the loops that ours must be."""

MEMORY_SHARE = 0.1
"""Growth of peak memory from 100 to 1,000 clips that is allowed."""

HOW = SkeletonInput()
FRAMES, PEOPLE, JOINTS = 300, 2, 25
CENTRE, HIPS, RIGHT_SHOULDER, LEFT_SHOULDER = 1, 0, 8, 4


def loop_read(path: Path) -> Floats:
    """(3, T, 25, 2) joints in metres of the first two bodies, line by line."""
    fields = ("x", "y", "z", "depth_x", "depth_y", "colour_x", "colour_y", "w", "qx", "qy", "qz", "state")
    frames: list[list[list[dict[str, float]]]] = []
    with path.open() as file:
        for _ in range(int(file.readline())):
            bodies = []
            for _ in range(int(file.readline())):
                file.readline()
                joints = []
                for _ in range(int(file.readline())):
                    numbers = file.readline().split()
                    joints.append({name: float(word) for name, word in zip(fields, numbers, strict=True)})
                bodies.append(joints)
            frames.append(bodies)
    found = np.zeros((3, len(frames), JOINTS, PEOPLE), np.float32)
    for number, bodies in enumerate(frames):
        for person, joints in enumerate(bodies[:PEOPLE]):
            for place, joint in enumerate(joints):
                found[:, number, place, person] = joint["x"], joint["y"], joint["z"]
    return found


def loop_normalise(clip: Floats) -> Floats:
    """(3, 300, 25, 2): repeated to 300 frames, centred, and turned upright joint by joint."""
    repeated = np.concatenate([clip] * math.ceil(FRAMES / clip.shape[1]), axis=1)[:, :FRAMES]
    people = np.ascontiguousarray(repeated.transpose(3, 1, 2, 0))
    centre = people[0][:, CENTRE : CENTRE + 1].copy()
    for person in people:
        if person.any():
            person -= centre * (person.sum(axis=-1, keepdims=True) != 0)
    for start, end, onto in ((HIPS, CENTRE, (0, 0, 1)), (LEFT_SHOULDER, RIGHT_SHOULDER, (1, 0, 0))):
        matrix = turn(people[0, 0, end] - people[0, 0, start], np.array(onto, float))
        for person in people:
            if not person.any():
                continue
            for frame in person:
                for place, joint in enumerate(frame):
                    frame[place] = np.dot(matrix, joint)
    return people.transpose(3, 1, 2, 0)


def turn(bone: NDArray[Any], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): the rotation about their common normal that turns `bone` to `onto` (Rodrigues)."""
    axis = np.cross(bone, onto)
    length = np.linalg.norm(axis)
    if not length:
        return np.eye(3)
    x, y, z = axis / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.atan2(length, float(np.dot(bone, onto)))
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def normalised(skeleton: Skeleton) -> Floats:
    """(3, 300, 25, 2), as the networks are given it."""
    return window(normalise(skeleton, NTU_25, HOW), HOW)


def milliseconds(work: Sequence[Callable[[], object]], repeats: int) -> float:
    """Mean CPU time of one clip's work."""
    began = time.process_time()
    for _ in range(repeats):
        for one in work:
            one()
    return (time.process_time() - began) / (repeats * len(work)) * 1e3


def compare(
    what: str,
    loop: Sequence[Callable[[], object]],
    ours: Sequence[Callable[[], object]],
    target: float,
    rounds: int,
) -> bool:
    """Print both and their ratio; return whether the target is met."""
    pairs = [(milliseconds(loop, 3), milliseconds(ours, 20)) for _ in range(rounds)]
    ratio = median(slow / fast for slow, fast in pairs)
    slow, fast = (median(times) for times in zip(*pairs, strict=True))
    print(
        f"{what}: loop {slow:.2f} ms a clip, ours {fast:.2f}: {ratio:.1f} times as fast, target {target:g}: "
        f"{'met' if ratio >= target else 'MISSED'}"
    )
    return ratio >= target


def memory_is_flat(files: Sequence[Path]) -> bool:
    """Read 100 clips, then 900 more; print the peaks."""
    peaks = []
    for clips in (100, 900):
        for number in range(clips):
            read_ntu_skeleton(files[number % len(files)])
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    growth = peaks[1] / peaks[0] - 1
    print(f"peak memory: {peaks[0]:.0f} MB after 100 clips, {peaks[1]:.0f} MB after 1,000: {growth:+.1%}")
    return growth <= MEMORY_SHARE


def main() -> None:
    """Compare both; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder of `.skeleton` files")
    parser.add_argument("--rounds", type=int, default=9, help="pairs of runs; their median is printed")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.skeleton"))
    if not files:
        sys.exit(f"no .skeleton file in {options.folder}")
    loops, ours = [loop_read(path) for path in files], [read_ntu_skeleton(path)[0] for path in files]
    parsing = (
        [partial(loop_read, path) for path in files],
        [partial(read_ntu_skeleton, path) for path in files],
    )
    normalising = (
        [partial(loop_normalise, clip) for clip in loops],
        [partial(normalised, one) for one in ours],
    )
    met = [
        compare("parsing", *parsing, PARSING, options.rounds),
        compare("normalising", *normalising, NORMALISING, options.rounds),
        memory_is_flat(files),
    ]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
