"""Frames kept as JPEGs, one row of fixed size each, and how stored frames become pixels again.

A row is a JPEG file padded with zeros to `jpeg_bytes`, a third of its pixels; a frame that does not fit is encoded
at the next lower quality that does. A decoder stops at the JPEG's end mark.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import VideoError

Bytes = NDArray[np.uint8]

JPEG_SHARE = 3
"""A JPEG row has one byte for this many bytes of pixels."""

QUALITY_STEP = 5
"""A JPEG that does not fit its row loses this much quality, again and again."""


def jpeg_bytes(size: tuple[int, int], channels: int) -> int:
    """Return the bytes stored for one JPEG: a third of the pixels, and 1,024 for the headers of small ones."""
    return size[0] * size[1] * channels // JPEG_SHARE + 1024


def encode_jpeg(crops: Bytes, *, quality: int) -> Bytes:
    """(A, T, H, W, C) pixels -> (A, T, bytes): each frame a JPEG and zeros after it."""
    frames = crops.reshape(-1, *crops.shape[2:])
    rows = np.zeros((len(frames), jpeg_bytes(crops.shape[2:4], crops.shape[4])), dtype=np.uint8)
    for frame, row in zip(frames, rows, strict=True):
        encoded = _fitting_jpeg(frame, quality, len(row))
        row[: len(encoded)] = encoded
    return rows.reshape(*crops.shape[:2], -1)


def unpack_frames(rows: Bytes, attrs: Mapping[str, Any], name: str) -> Bytes:
    """(..., A, T, H, W, C) pixels of recipe `name`, from what a store keeps and says of itself.

    `attrs["recipes"][name]` is the recipe as a mapping; of it, only `storage` is read.
    """
    if attrs["recipes"][name]["storage"] != "jpeg":
        return rows
    images = [_decoded(row) for row in rows.reshape(-1, rows.shape[-1])]
    return np.stack(images).reshape(*rows.shape[:-1], *images[0].shape)


def _fitting_jpeg(frame: Bytes, quality: int, room: int) -> Bytes:
    for lowered in (quality, *range(quality - QUALITY_STEP, 0, -QUALITY_STEP), 1):
        encoded = cv2.imencode(".jpg", _swap_red_blue(frame), [cv2.IMWRITE_JPEG_QUALITY, lowered])[1]
        if len(encoded) <= room:
            return np.asarray(encoded, dtype=np.uint8).ravel()
    raise VideoError(f"a {frame.shape} crop fits {room} bytes as a JPEG of no quality: store it raw or zstd")


def _decoded(row: Bytes) -> Bytes:
    """(H, W, C) of one JPEG; it knows its own size and channels."""
    image = cv2.imdecode(row, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise VideoError("a stored JPEG cannot be decoded: verify the store, then make it again")
    return _swap_red_blue(np.asarray(image, dtype=np.uint8).reshape(*image.shape[:2], -1))


def _swap_red_blue(image: Bytes) -> Bytes:
    """RGB <-> BGR, which OpenCV's codecs speak; one channel stays as it is."""
    return np.ascontiguousarray(image[:, :, ::-1])
