"""COCO's keypoint JSON: one file a clip, of annotations or of a detector's results."""

from typing import Any

import numpy as np

from pipeline.datasets.table.boxes import coco_corners
from pipeline.datasets.table.keypoints import BROKEN, Floats, followed, last_number
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import BOX_4, COCO_17, Layout
from pipeline.values import Skeleton

FORM = "COCO's keypoint JSON: `images` and `annotations`, or a list of results with image_id and keypoints"

NUMBERS = ("frame_id", "frame_index")
"""Entries of an image with its frame's number, as trackers' variants of the format have them."""

VIDEOS = ("video_id", "vid_id")


def read_coco(
    document: Any, name: str, layout: Layout, max_persons: int, first_frame: int
) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a document of 17 keypoints a person, each x, y, and visibility (0 unknown) or score; its flags.

    An image's frame is its `frame_id`; else the last number in its `file_name`; else its id. People are followed from
    frame to frame; `track_id` is not read. An annotation without keypoints is nobody. Layout `box_4`
    takes people's `bbox` in place of keypoints. Raises SkeletonError, with the file's `name`.
    """
    try:
        results = document if isinstance(document, list) else document["annotations"]
        frames = None if isinstance(document, list) else _frames(document["images"], name)
        people: dict[int, list[Floats]] = {number - first_frame: [] for number in (frames or {}).values()}
        for one in results:
            number = _number(one["image_id"]) if frames is None else _listed(frames, one["image_id"], name)
            if layout is BOX_4:
                box = coco_corners(one)
                people.setdefault(number - first_frame, []).extend([] if box is None else [box])
            elif one.get("keypoints") and one.get("num_keypoints", 1):
                people.setdefault(number - first_frame, []).append(_person(one["keypoints"], name))
    except SkeletonError:
        raise
    except BROKEN as error:
        raise SkeletonError(f"{name}: expected {FORM} ({error!r:.80})") from error
    return followed(people, BOX_4 if layout is BOX_4 else COCO_17, layout, max_persons, name)


def _frames(images: list[dict[str, Any]], name: str) -> dict[Any, int]:
    """Frame number of each image by its id."""
    videos = {image[key] for image in images for key in VIDEOS if key in image}
    if len(videos) > 1:
        raise SkeletonError(f"{name}: images of {len(videos)} videos; write a file a clip")
    key = next((key for key in NUMBERS if images and all(key in image for image in images)), None)
    frames = {image["id"]: int(image[key]) if key else _of_image(image) for image in images}
    if len(frames) < len(images) or len(set(frames.values())) < len(frames):
        raise SkeletonError(f"{name}: two images are one frame, or share an id; write a file a clip")
    return frames


def _of_image(image: dict[str, Any]) -> int:
    file = str(image.get("file_name", "")).replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    return last_number(file) if any(letter.isdecimal() for letter in file) else int(image["id"])


def _number(image_id: Any) -> int:
    """Number of a result's image, which some write as the file's name."""
    return (
        last_number(image_id.rpartition(".")[0] or image_id) if isinstance(image_id, str) else int(image_id)
    )


def _listed(frames: dict[Any, int], image_id: Any, name: str) -> int:
    if image_id not in frames:
        raise SkeletonError(f"{name}: an annotation of image {image_id!r:.40}, which `images` does not list")
    return frames[image_id]


def _person(keypoints: Any, name: str) -> Floats:
    numbers = np.array(keypoints, np.float64)
    if numbers.size != 3 * COCO_17.num_joints:
        raise SkeletonError(
            f"{name}: a person has {numbers.size} numbers, expected 17 keypoints of x, y, visibility"
        )
    return numbers.reshape(-1, 3)
