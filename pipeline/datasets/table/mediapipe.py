"""MediaPipe's pose landmarks as JSON: one file a clip, an entry a frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.datasets.table.keypoints import BROKEN, Floats, followed
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import MEDIAPIPE_33, Layout
from pipeline.values import Skeleton

KEYS = ("pose_landmarks", "poseLandmarks", "landmarks")
"""Entry of a frame with its people's landmarks: in Python, in JavaScript before tasks, and in JavaScript's tasks."""

FORM = (
    "MediaPipe's results, a list with an entry a frame: pose_landmarks or landmarks, of each person 33 times x, y, "
    "visibility"
)

MOST_PICTURES = 10
"""Pictures from the left upper corner at which a landmark may lie: more are pixels."""


def is_mediapipe(document: Any) -> bool:
    """Whether a JSON document is a list in which a frame has landmarks."""
    return isinstance(document, list) and any(
        isinstance(one, dict) and any(key in one for key in KEYS) for one in document
    )


def read_mediapipe(
    results: Sequence[Any], name: str, layout: Layout, max_persons: int, frame_size: tuple[int, int]
) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a list of results, the first of which is the video's first frame, and its flags.

    frame_size: height and width of the picture in pixels, of which x and y are shares. A landmark's score is its
    visibility, 1 where there is none; z and world landmarks are not read. An entry without landmarks shows nobody;
    several people are followed from frame to frame. Raises SkeletonError, with the file's `name`.
    """
    try:
        people = {
            number: [_person(one, frame_size, name) for one in _people(result)]
            for number, result in enumerate(results)
        }
    except SkeletonError:
        raise
    except BROKEN as error:
        raise SkeletonError(f"{name}: expected {FORM} ({error!r:.80})") from error
    return followed(people, MEDIAPIPE_33, layout, max_persons, name)


def _people(result: Any) -> list[Any]:
    """The landmarks of each person, whether they are listed by person, or are of the one that there can be."""
    found = next((result[key] for key in KEYS if key in result), None) if result else None
    if isinstance(found, dict):
        return [found["landmark"]]
    if found and isinstance(found[0], dict):
        return [found]
    return [person for person in found or [] if person]


def _person(landmarks: Any, frame_size: tuple[int, int], name: str) -> Floats:
    if len(landmarks) != MEDIAPIPE_33.num_joints:
        raise SkeletonError(
            f"{name}: a person has {len(landmarks)} landmarks, expected 33 of MediaPipe's pose"
        )
    height, width = frame_size
    numbers = np.array([[one["x"], one["y"], one.get("visibility", 1.0)] for one in landmarks], np.float64)
    if np.abs(numbers[:, :2]).max() > MOST_PICTURES:
        raise SkeletonError(
            f"{name}: landmarks lie outside any picture; x and y must be shares of it, not pixels"
        )
    return numbers * (width, height, 1)
