"""Toyota Smarthome's skeletons: LCR-Net's people in a JSON file a clip."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.people import Given, people_skeleton, without_zeros
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import SMARTHOME_13
from pipeline.values import Skeleton

NUM_JOINTS = SMARTHOME_13.num_joints
KINDS: Mapping[Given, tuple[str, int]] = {"joints_2d": ("pose2d", 2), "joints_3d": ("pose3d", 3)}
"""Their names in the file, and axes."""


def read_smarthome_skeleton(path: Path, max_persons: int) -> tuple[Skeleton, frozenset[str]]:
    """The people in a file `{"njts": 13, "frames": [[{"pose2d": […], "pose3d": […]}, …], …]}`, and its flags.

    `pose2d` holds 13 x and then 13 y, in pixels of the video; `pose3d` 13 x, 13 y and 13 z. People stand in the order
    of the file, which nobody follows from frame to frame: the first `max_persons` of each frame are read, and
    `third_body` tells of more. Without `pose3d` there are pixels alone.
    """
    frames = _frames(path)
    listed = [[_person(person, path.name, n) for person in people] for n, people in enumerate(frames)]
    people = [person for found in listed for person in found]
    kinds = [kind for kind in KINDS if all(kind in person for person in people)]
    given: dict[Given, NDArray[np.float64]] = {}
    for kind in kinds:
        given[kind] = np.full((len(frames), max_persons, NUM_JOINTS, KINDS[kind][1]), np.nan)
        for number, found in enumerate(listed):
            for slot, person in enumerate(found[:max_persons]):
                given[kind][number, slot] = person[kind]
    skeleton, flags = people_skeleton(given, path.name)
    more = any(len(found) > max_persons for found in listed)
    return skeleton, flags | ({"third_body"} if more else set())


def num_frames_of(path: Path) -> int:
    """Return the number of frames in the file. Raises SkeletonError."""
    return len(_frames(path))


def _frames(path: Path) -> Sequence[Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    except (ValueError, RecursionError) as error:
        raise SkeletonError(f"{path.name}: no readable JSON ({error!r:.120}); fetch it again") from error
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(people, list) for people in frames):
        raise SkeletonError(
            f"{path.name}: expected an entry 'frames', a list of people in each; fetch it again"
        )
    if document.get("njts", NUM_JOINTS) != NUM_JOINTS:
        raise SkeletonError(f"{path.name}: njts must be {NUM_JOINTS}, got {document['njts']!r:.40}")
    return frames


def _person(person: Any, name: str, frame: int) -> dict[Given, NDArray[np.float64]]:
    """(13, axes) of each kind that is there."""
    found: dict[Given, NDArray[np.float64]] = {}
    for kind, (entry, axes) in KINDS.items():
        numbers = person.get(entry) if isinstance(person, dict) else None
        if numbers is None and kind == "joints_3d":
            continue
        try:
            joints = np.array(numbers, dtype=np.float64)
        except (ValueError, TypeError, OverflowError) as error:
            raise SkeletonError(
                f"{name}: frame {frame}: {entry} must hold numbers ({error!s:.80})"
            ) from error
        if joints.shape != (axes * NUM_JOINTS,):
            raise SkeletonError(
                f"{name}: frame {frame}: {entry} must hold {axes * NUM_JOINTS} numbers, got {joints.shape}"
            )
        found[kind] = without_zeros(joints.reshape(axes, NUM_JOINTS).T)
    return found
