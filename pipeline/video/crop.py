"""Cutting people out of a video: decoded once for all recipes, only what is in a box made RGB.

Storage of a frame: `raw` and `zstd` keep its pixels (zstd is the store's codec); `jpeg`: see `jpeg_rows`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError, VideoError
from pipeline.values import Box, Samples
from pipeline.video.boxes import BoxRule
from pipeline.video.enhance_rule import EnhanceRule
from pipeline.video.jpeg_rows import jpeg_bytes
from pipeline.video.planes import Planes, crop_planes
from pipeline.video.resize import INTERPOLATIONS, Bytes, Interpolation, inside, resize
from pipeline.video.video import VideoSource

Convert = Callable[[NDArray[Any]], Bytes]

BOX = "box_"
"""Prefix of the array that holds a recipe's boxes in the store: (clip, 4) int32, as `Box` has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRecipe:
    """Recipe that turns a clip's sampled frames into crops."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "sampling",
        "box",
        "size",
        "interpolation",
        "storage",
        "jpeg_quality",
    )

    sampling: str
    """Name of the sampling rule that chooses the frames."""
    box: BoxRule = field(default_factory=BoxRule)
    size: tuple[int, int] = (112, 112)
    """Height and width after resizing, in pixels; the box's own proportions are not kept."""
    interpolation: Interpolation = "auto"
    """`area`: the mean over what each pixel covers. `auto`: nearly the same, two to five times as fast."""
    storage: Literal["raw", "zstd", "jpeg"] = "zstd"
    jpeg_quality: int = 90
    enhance: EnhanceRule | None = None
    """Lights the resized frames; None leaves them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(self.size))  # a list would be no key of what is remembered
        if min(self.size) < 1:
            raise ParamError(f"a crop's size must be at least 1 x 1, got {self.size}")
        if self.interpolation not in INTERPOLATIONS:
            raise ParamError(f"interpolation must be auto, area or linear, got {self.interpolation!r}")
        if self.storage not in ("raw", "zstd", "jpeg"):
            raise ParamError(f"storage must be raw, zstd or jpeg, got {self.storage!r}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ParamError(f"jpeg_quality must be 1 to 100, got {self.jpeg_quality}")


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
