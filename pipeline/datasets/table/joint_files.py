"""Joints from elsewhere: which reader is for what the table's column `skeleton` names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.table import coco_keypoints, mediapipe, movement_file
from pipeline.datasets.table.boxes import read_boxes
from pipeline.datasets.table.keypoints import read_json
from pipeline.datasets.table.openpose import read_openpose
from pipeline.datasets.table.skeleton_file import read_npz_skeleton
from pipeline.skeleton.layouts import BOX_4, Layout
from pipeline.values import Skeleton


@dataclass(frozen=True, slots=True)
class JointRule:
    """Rule by which a dataset's files of joints are read."""

    layout: Layout
    max_persons: int
    first_frame: int
    """Number that the files give the video's first frame."""
    keypoint_names: Mapping[str, str]
    """Names in the files of joints that these call otherwise."""


def read_joints(
    path: Path, rule: JointRule, frame_size: Callable[[], tuple[int, int]]
) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a file, or in a folder of OpenPose's, and its flags; by its suffix, and JSON by what it holds.

    frame_size: gives height and width of the clip's pictures, where the file needs them. Raises SkeletonError.
    """
    layout, max_persons, first_frame = rule.layout, rule.max_persons, rule.first_frame
    if path.is_dir():
        return read_openpose(path, layout, max_persons, first_frame)
    if path.suffix == ".json":
        document = read_json(path, coco_keypoints.FORM)
        if mediapipe.is_mediapipe(document):
            return mediapipe.read_mediapipe(document, path.name, layout, max_persons, frame_size())
        return coco_keypoints.read_coco(document, path.name, layout, max_persons, first_frame)
    if path.suffix == ".csv" and layout is BOX_4:
        return read_boxes(path, max_persons, first_frame)
    if path.suffix in movement_file.SUFFIXES:
        return movement_file.read_movement(path, layout, max_persons, first_frame, rule.keypoint_names)
    return read_npz_skeleton(path, layout, max_persons)
