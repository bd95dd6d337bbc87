"""PYSKL's annotations: joints of whole datasets in one pickle, and what each field says of a clip.

{"split": {name: [frame_dir, …]}, "annotations": [{"frame_dir", "label", "total_frames", "img_shape",
"original_shape", "keypoint" (M, T, V, 2 | 3), "keypoint_score" (M, T, V)}, …]} (PYSKL, tools/data/README.md).
A joint that was not found is 0 at score 0. Joints of COCO lie in the picture: three numbers of each are x, y and
score where the third lies in [0, 1] and there is no keypoint_score, and are refused otherwise.

Two fields are ours, written only where they say something, and passed over by PYSKL: `video_frame` (T,), which frame
of the video each shows, and `num_video_frames`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.pyskl.plain_pickle import read_plain_pickle
from pipeline.errors import DatasetError, SkeletonError
from pipeline.skeleton.layouts import COCO_17, NTU_25, Layout
from pipeline.values import Skeleton

LAYOUT_OF = {layout.num_joints: layout for layout in (NTU_25, COCO_17)}
"""V tells the layout, but for those that share it."""

_DECIDING = (
    "keypoint", "keypoint_score", "img_shape", "original_shape", "total_frames", "video_frame", "num_video_frames"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Annotations:
    """One file's content; each annotation is checked when it is asked for."""

    by_id: Mapping[str, Mapping[str, Any]]
    """frame_dir to its annotation."""
    split: Mapping[str, frozenset[str]]
    failures: tuple[tuple[str, str], ...] = ()
    """(place, reason) of what stands among the annotations and is none, or among a split's names."""


def read_annotations(path: Path) -> Annotations:
    """Everything in the file. PickleError where it is not plain data, DatasetError where not PYSKL's."""
    content = read_plain_pickle(path)
    found = content if isinstance(content, list) else _field(content, "annotations", list, path.name)
    split = {} if isinstance(content, list) else _field(content, "split", dict, path.name)
    by_id: dict[str, Mapping[str, Any]] = {}
    failures = []
    for place, annotation in enumerate(found):
        try:
            frame_dir = _field(annotation, "frame_dir", str, f"{path.name}, annotation {place}")
            if frame_dir in by_id:
                raise DatasetError(
                    f"{path.name}: two annotations are called {frame_dir!r:.80}; the first counts"
                )
        except DatasetError as error:
            failures.append((f"annotation {place}", str(error)))
        else:
            by_id[frame_dir] = annotation
    if not by_id:
        why = f"; {failures[0][1]}" if failures else ""
        raise DatasetError(f"{path.name}: no annotations in it{why}")
    named = {str(name): _names(ids, name, path.name, failures) for name, ids in split.items()}
    return Annotations(by_id, named, tuple(failures))


def label_of(annotation: Mapping[str, Any]) -> int:
    """The class, from 0."""
    label = annotation.get("label")
    if type(label) is not int or not 0 <= label < 1 << 16:
        raise SkeletonError(f"label must be a whole number from 0 to 65535, got {label!r:.40}")
    return label


def frame_size(annotation: Mapping[str, Any], default: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of the video's frames in pixels."""
    shape = annotation.get("img_shape", annotation.get("original_shape"))
    if shape is None:
        return default
    if (
        not isinstance(shape, tuple | list)
        or len(shape) != 2
        or any(type(n) is not int or n < 1 for n in shape)
    ):
        raise SkeletonError("img_shape must be (height, width)")
    return shape[0], shape[1]


def num_video_frames(annotation: Mapping[str, Any]) -> int:
    """Frames of the video, as far as the annotation tells: `total_frames`, unless ours says otherwise."""
    total = annotation.get("num_video_frames", annotation.get("total_frames"))
    if type(total) is not int or not 0 < total < 1 << 31:
        raise SkeletonError(f"total_frames must be 1 or more, got {total!r:.40}")
    return total


def num_joints(annotations: Iterable[Mapping[str, Any]]) -> int:
    """V of most of them: one that is out of form doesn't decide it. SkeletonError where all are."""
    counts: Counter[int] = Counter()
    wrong: SkeletonError | None = None
    for annotation in annotations:
        try:
            counts[int(_numbers(annotation, "keypoint", 4).shape[2])] += 1
        except SkeletonError as error:
            wrong = wrong or error
    if not counts and wrong is not None:
        raise wrong
    return max(counts, key=lambda count: (counts[count], count))


def annotation_sha256(annotation: Mapping[str, Any]) -> str:
    """64 hex digits over all of an annotation that decides its skeleton."""
    digest = hashlib.sha256()
    for name in _DECIDING:
        value = annotation.get(name)
        if isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
            digest.update(value.tobytes())
        elif isinstance(value, int | tuple | list | None):
            digest.update(f"{name} {_short(value)}\n".encode())
    return digest.hexdigest()


def skeleton_of(
    annotation: Mapping[str, Any], layout: Layout, max_persons: int
) -> tuple[Skeleton, frozenset[str]]:
    """The annotation's joints and the flags found; of more people than `max_persons` the surest stay.

    (M, T, V, 2) are pixels, (M, T, V, 3) metres; the other kind is unknown. Where there are no scores, a joint
    that is not all 0 counts 1.
    """
    joints = _keypoints(annotation, layout)
    if layout is COCO_17 and joints.shape[3] == 3:
        joints, score = _in_picture(annotation, joints)
    else:
        score = _score(annotation, joints)
    axes = joints.shape[3]
    known = np.isfinite(joints).all(axis=3) & ((joints != 0).any(axis=3) | (score > 0))
    score = np.where(known, score, np.float32(0))
    joints = np.where(known[..., None], joints, np.float32(np.nan))
    kept = np.sort(np.argsort(-score.sum(axis=(0, 2)), kind="stable")[:max_persons])
    flags = {
        "third_body": joints.shape[1] > max_persons and bool((score.max(axis=(0, 2)) > 0).sum() > max_persons)
    }
    joints, score, known = joints[:, kept], score[:, kept], known[:, kept]
    absent = max_persons - len(kept)
    present = _filled(joints, absent, np.nan)
    nothing = np.full((*present.shape[:3], {2: 3, 3: 2}[axes]), np.nan, np.float32)
    in_metres, in_pixels = (present, nothing) if axes == 3 else (nothing, present)
    skeleton = Skeleton(
        joints_3d=in_metres,
        joints_2d=in_pixels,
        score=_filled(score, absent, 0),
        video_frame=_video_frame(annotation, len(joints)),
    )
    seen = skeleton.present
    flags |= {
        "no_body_frames": not seen.any(axis=1).all(),
        "nan_joints": not known[seen[:, : len(kept)]].all(),
    }
    return skeleton, frozenset(flag for flag, is_found in flags.items() if is_found)


def _keypoints(annotation: Mapping[str, Any], layout: Layout) -> NDArray[np.float32]:
    """(T, M, V, 2 or 3) of an annotation's (M, T, V, …); refuses what is not of the layout."""
    given = _numbers(annotation, "keypoint", 4)
    if given.shape[2] != layout.num_joints or given.shape[3] not in (2, 3) or 0 in given.shape:
        raise SkeletonError(
            f"keypoint must be (M, T, {layout.num_joints}, 2 or 3), none of them 0, got {given.shape}"
        )
    with np.errstate(over="ignore"):  # beyond float32 is unknown, as infinity is
        return given.astype(np.float32).transpose(1, 0, 2, 3)


def _score(annotation: Mapping[str, Any], joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, M, V) in [0, 1]; half precision may round 1 up, and NaN is no confidence."""
    if annotation.get("keypoint_score") is None:
        return np.asarray((np.isfinite(joints).all(axis=3) & (joints != 0).any(axis=3)), np.float32)
    score = _numbers(annotation, "keypoint_score", 3).astype(np.float32).transpose(1, 0, 2)
    if score.shape != joints.shape[:3]:
        raise SkeletonError(
            f"keypoint_score must be {joints.shape[:3]} as keypoint, got {score.shape}, T first"
        )
    return np.clip(np.nan_to_num(score, nan=0.0), 0, 1)


def _in_picture(
    annotation: Mapping[str, Any], joints: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T, M, V, 2) pixels and (T, M, V) scores out of (x, y, score), as OpenPose and mmpose write joints of COCO."""
    third = joints[..., 2]
    if annotation.get("keypoint_score") is not None or np.any((third < 0) | (third > 1)):
        raise SkeletonError(
            "joints of coco_17 lie in the picture: keypoint must be (M, T, 17, 2) with keypoint_score (M, T, 17), or "
            f"(x, y, score) without it and the score in [0, 1]; got {joints.shape}, T first, with a third number of "
            f"{np.nanmin(third):g} to {np.nanmax(third):g}. Metres need another layout, or a table"
        )
    return joints[..., :2], np.nan_to_num(third, nan=0.0)


def _video_frame(annotation: Mapping[str, Any], num_frames: int) -> NDArray[np.int32]:
    if "video_frame" not in annotation:
        return np.arange(num_frames, dtype=np.int32)
    frames = _numbers(annotation, "video_frame", 1)
    if frames.dtype.kind not in "iu":
        raise SkeletonError(f"video_frame must be whole numbers, got {frames.dtype}")
    return frames.astype(np.int32)


def _numbers(annotation: Mapping[str, Any], name: str, axes: int) -> NDArray[Any]:
    values = annotation.get(name)
    if not isinstance(values, np.ndarray) or values.ndim != axes or values.dtype.kind not in "iuf":
        actual = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise SkeletonError(f"{name} must be an array of numbers with {axes} axes, got {actual}")
    return values


def _filled(array: NDArray[np.float32], people: int, value: float) -> NDArray[np.float32]:
    widths = [(0, 0), (0, people), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, widths, constant_values=value)


def _short(value: int | tuple[Any, ...] | list[Any] | None) -> str:
    """A number or a few of them, as text; what else lies in a list is not looked into."""
    if isinstance(value, tuple | list):
        return " ".join(str(item) if type(item) is int else type(item).__name__ for item in value[:8])
    return str(value)


def _field(content: Any, name: str, kind: type, where: str) -> Any:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        got = type(value).__name__ if isinstance(content, dict) else f"no dict but {type(content).__name__}"
        raise DatasetError(f"{where}: {name!r} must be a {kind.__name__} as PYSKL writes it, got {got}")
    return value


def _names(ids: Any, name: Any, where: str, failures: list[tuple[str, str]]) -> frozenset[str]:
    """The frame_dirs that a split lists; what else stands there goes to `failures`."""
    if not isinstance(ids, list | tuple):
        raise DatasetError(f"{where}: split {name!r:.40} must list frame_dirs")
    for place, frame_dir in enumerate(ids):
        if not isinstance(frame_dir, str):
            message = f"{where}: split {name!r:.40} must list frame_dirs, got a {type(frame_dir).__name__}"
            failures.append((f"split {name!r:.40}, {place}", message))
    return frozenset(frame_dir for frame_dir in ids if isinstance(frame_dir, str))
