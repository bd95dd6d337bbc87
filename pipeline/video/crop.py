"""Cutting people out of a video: decoded once for all recipes, only what is in a box made RGB."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError, VideoError
from pipeline.values import Box, Samples
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.jpeg_rows import jpeg_bytes
from pipeline.video.planes import Planes, crop_planes
from pipeline.video.resize import Bytes, inside, resize
from pipeline.video.video import VideoSource

Convert = Callable[[NDArray[Any]], Bytes]

BOX = "box_"
"""Prefix of the array that holds a recipe's boxes in the store: (clip, 4) int32, as `Box` has them."""


def crop_clip(
    source: VideoSource,
    cuts: Mapping[str, tuple[CropRecipe, Samples, Box]],
    *,
    convert: Convert | None = None,
) -> dict[str, Bytes]:
    """For each cut its (A, T, H, W, C) pixels, from one pass over the video.

    `convert` turns a whole frame of depth into (H, W) uint8 before it is cut.
    Raises VideoError where the video does not give every wanted frame.
    """
    wanted = np.unique(np.concatenate([samples.frames.ravel() for _, samples, _ in cuts.values()]))
    places = {name: _places(samples) for name, (_, samples, _) in cuts.items()}
    crops: dict[str, Bytes] = {}
    given = 0
    for number, decoded in source.pictures(wanted.tolist()):
        picture = _picture(decoded, convert)
        for name, (recipe, samples, box) in cuts.items():
            if number not in places[name]:
                continue
            pixels = crop_picture(picture, box, recipe)
            if name not in crops:
                crops[name] = np.empty((samples.frames.size, *pixels.shape), dtype=np.uint8)
            for place in places[name][number]:
                crops[name][place] = pixels
        given += 1
        del decoded, picture
    if given != len(wanted):
        raise VideoError(
            f"decoding gave {given} of {len(wanted)} wanted frames (last: {wanted[-1]}); decode it again"
        )
    return {name: crops[name].reshape(*cuts[name][1].frames.shape, *crops[name].shape[1:]) for name in cuts}


def _places(samples: Samples) -> dict[int, list[int]]:
    """Frame number -> where in (A x T) it goes; more than one place where frames repeat."""
    places: dict[int, list[int]] = {}
    for place, number in enumerate(samples.frames.ravel().tolist()):
        places.setdefault(number, []).append(place)
    return places


def _picture(decoded: NDArray[Any] | Planes, convert: Convert | None) -> Bytes | Planes:
    """(H, W, C) uint8, or planes."""
    if isinstance(decoded, Planes):
        if convert is not None:
            raise ParamError("`convert` turns depth into pixels; this video has colours")
        return decoded
    frame = decoded if convert is None else convert(decoded)
    if frame.dtype != np.uint8:
        raise ParamError(f"frames are {frame.dtype}, crops are uint8: hand `crop_clip` a `convert`")
    return frame if frame.ndim == 3 else frame[:, :, None]


def crop_picture(picture: Bytes | Planes, box: Box, recipe: CropRecipe) -> Bytes:
    """(H, W, C) pixels, or a frame's planes -> (*recipe.size, C): what lies in the box, resized.

    Zeros, which are black, where the box reaches outside.
    """
    if isinstance(picture, Planes):
        return crop_planes(picture, box, recipe.size, recipe.interpolation)
    resized = resize(inside(picture, box), recipe.size, recipe.interpolation)
    return resized.reshape(*recipe.size, -1)


def row_shape(recipe: CropRecipe, *, views: int, num_frames: int, channels: int) -> tuple[int, ...]:
    """Shape of a clip in the store: (A, T, H, W, C), or (A, T, bytes) of JPEGs."""
    if recipe.storage == "jpeg":
        return views, num_frames, jpeg_bytes(recipe.size, channels)
    return views, num_frames, *recipe.size, channels
