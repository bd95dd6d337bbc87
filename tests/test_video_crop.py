"""Cropping: pixels worked out by hand, one pass for all recipes, frames that are missing, and JPEG rows."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ParamError, VideoError
from pipeline.values import Box, Samples
from pipeline.video.crop import crop_clip, crop_picture, row_shape
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.jpeg_rows import encode_jpeg, jpeg_bytes, unpack_frames
from pipeline.video.planes import Planes
from pipeline.video.video import VideoFacts

TINY = CropRecipe(sampling="r16", size=(2, 2))


class FramesInMemory:
    """A video whose frame i is filled with i; `broken_at` frames and later are not there."""

    def __init__(self, frame: NDArray[np.generic], broken_at: int = 1000) -> None:
        self.frame, self.broken_at = frame, broken_at
        self.passes: list[list[int]] = []

    def probe(self) -> VideoFacts:
        return VideoFacts(1000, *self.frame.shape[:2], 30.0, None)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        self.passes.append(list(wanted))
        for number in wanted:
            if number < self.broken_at:
                yield number, np.asarray(self.frame + self.frame.dtype.type(number))

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        return self.frames(wanted)


def colour(height: int = 8, width: int = 10) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), dtype=np.uint8)


def samples_of(*views: list[int]) -> Samples:
    return Samples(np.array(views, dtype=np.int32), 1000)


def stated_by_store(recipe: CropRecipe) -> dict[str, Any]:
    return {"recipes": {"video": asdict(recipe)}}


def smooth_frames(channels: int) -> NDArray[np.uint8]:
    """(1, 2, 32, 32, C): a slope, easy for a JPEG."""
    slope = np.add.outer(np.arange(32), np.arange(32))[:, :, None] * np.arange(1, channels + 1)
    return np.stack([slope, slope + 40])[None].astype(np.uint8)


def test_a_cut_is_the_mean_over_what_each_pixel_covers() -> None:
    frame = np.arange(48, dtype=np.uint8).reshape(6, 8, 1)
    # rows 1 to 4, columns 2 to 5 start with 10, 18, 26, 34; a 2 x 2 block's mean is its first pixel + 4.5
    pixels = crop_picture(frame, Box(2, 1, 6, 5), TINY)
    assert np.abs(pixels[:, :, 0] - np.array([[14.5, 16.5], [30.5, 32.5]])).max() <= 0.5


@pytest.mark.parametrize(
    "box", [Box(3, 5, 403, 405), Box(0, 0, 480, 301), Box(10, 10, 122, 122), Box(0, 0, 113, 479)]
)
def test_fast_shrinking_is_nearly_the_mean_over_the_covered_area(box: Box) -> None:
    y, x = np.mgrid[:480, :480]
    waves = 127 + 60 * np.sin(x / 5) + 60 * np.cos(y / 7)
    frame = np.stack([waves, waves[::-1], waves.T], axis=2).astype(np.uint8)
    fast, exact = (
        crop_picture(frame, box, CropRecipe(sampling="r16", interpolation=interpolation)).astype(int)
        for interpolation in ("auto", "area")
    )
    assert np.abs(fast - exact).mean() < 2
    assert abs(fast.mean() - exact.mean()) < 1


def test_what_lies_outside_the_frame_is_zero() -> None:
    frame = np.full((4, 4, 3), 200, dtype=np.uint8)
    pixels = crop_picture(frame, Box(-2, -2, 2, 2), TINY)
    assert pixels[:, :, 0].tolist() == [[0, 0], [0, 200]]
    assert not crop_picture(frame, Box(10, 10, 14, 14), TINY).any()


def test_a_box_smaller_than_the_crop_is_enlarged_linearly() -> None:
    frame = np.array([[[0], [100]]], dtype=np.uint8)
    linear = crop_picture(frame, Box(0, 0, 2, 1), replace(TINY, size=(1, 4)))
    assert linear[0, :, 0].tolist() == [0, 25, 75, 100]


def test_every_recipe_is_served_by_one_pass_over_the_wanted_frames() -> None:
    source = FramesInMemory(colour())
    cuts = {
        "twice": (TINY, samples_of([3, 5, 5], [9, 3, 0]), Box(0, 0, 8, 8)),
        "large": (replace(TINY, size=(4, 6)), samples_of([7, 5]), Box(2, 2, 10, 8)),
    }
    crops = crop_clip(source, cuts)
    assert source.passes == [[0, 3, 5, 7, 9]]
    assert crops["twice"].shape == (2, 3, 2, 2, 3)
    assert crops["large"].shape == (1, 2, 4, 6, 3)
    assert crops["twice"][:, :, 0, 0, 0].tolist() == [[3, 5, 5], [9, 3, 0]]
    assert crops["large"][0, :, 3, 5, 2].tolist() == [7, 5]


def test_depth_is_converted_before_it_is_cut() -> None:
    source = FramesInMemory(np.full((6, 6), 1000, dtype=np.uint16))
    cuts = {"depth": (TINY, samples_of([0, 20]), Box(1, 1, 5, 5))}
    crops = crop_clip(source, cuts, convert=lambda depth: (depth - 1000).astype(np.uint8))
    assert crops["depth"].shape == (1, 2, 2, 2, 1)
    assert crops["depth"][0, :, 0, 0, 0].tolist() == [0, 20]


def test_depth_without_a_conversion_is_refused() -> None:
    source = FramesInMemory(np.zeros((6, 6), dtype=np.uint16))
    with pytest.raises(ParamError, match="uint16"):
        crop_clip(source, {"depth": (TINY, samples_of([0]), Box(0, 0, 6, 6))})


def test_colours_are_not_taken_for_depth() -> None:
    planes = Planes(
        colour()[..., 0], (colour()[::2, ::2, 0], colour()[::2, ::2, 0]), 16, np.eye(3, 4, dtype="f")
    )

    class InPlanes(FramesInMemory):
        def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
            yield from ((number, planes) for number in wanted)

    with pytest.raises(ParamError, match="this video has colours"):
        crop_clip(
            InPlanes(colour()), {"x": (TINY, samples_of([0]), Box(0, 0, 6, 6))}, convert=lambda depth: depth
        )


def test_a_video_that_ends_early_fails_the_clip() -> None:
    source = FramesInMemory(colour(), broken_at=6)
    with pytest.raises(VideoError, match="2 of 3 wanted frames"):
        crop_clip(source, {"tiny": (TINY, samples_of([0, 5, 9]), Box(0, 0, 8, 8))})


def test_decoded_frames_stay_as_they_were() -> None:
    frame = np.full((4, 4, 3), 9, dtype=np.uint8)
    crop_picture(frame, Box(-1, 0, 3, 4), TINY)
    assert (frame == 9).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_rows_have_one_length_and_come_back_nearly_the_same(channels: int) -> None:
    recipe = CropRecipe(sampling="r16", size=(32, 32), storage="jpeg")
    crops = smooth_frames(channels)
    rows = encode_jpeg(crops, quality=recipe.jpeg_quality)
    assert rows.shape == (1, 2, jpeg_bytes(recipe.size, channels))
    again = unpack_frames(rows, stated_by_store(recipe), "video")
    assert again.shape == crops.shape
    assert np.abs(again.astype(int) - crops).mean() < 4


def test_a_jpeg_that_does_not_fit_loses_quality_not_its_end() -> None:
    recipe = CropRecipe(sampling="r16", size=(96, 96), storage="jpeg", jpeg_quality=100)
    noise = np.random.default_rng(0).integers(0, 256, (1, 1, 96, 96, 3), dtype=np.uint8)
    rows = encode_jpeg(noise, quality=recipe.jpeg_quality)
    assert unpack_frames(rows, stated_by_store(recipe), "video").shape == noise.shape
    assert np.array_equal(rows, encode_jpeg(noise, quality=recipe.jpeg_quality))


def test_a_broken_jpeg_row_is_refused() -> None:
    recipe = CropRecipe(sampling="r16", size=(32, 32), storage="jpeg")
    with pytest.raises(VideoError, match="verify the store"):
        unpack_frames(np.zeros((1, 1, 99), dtype=np.uint8), stated_by_store(recipe), "video")


def test_bytes_of_a_clip_are_those_of_the_paper_sizes() -> None:
    counts = {"views": 1, "num_frames": 16, "channels": 3}
    recipe = CropRecipe(sampling="r16", storage="raw")
    assert np.prod(row_shape(recipe, **counts)) == 602_112  # 56,880 clips: 34 GB
    assert row_shape(recipe, **counts) == (1, 16, 112, 112, 3)
    assert np.prod(row_shape(replace(recipe, storage="jpeg"), **counts)) == 16 * (12_544 + 1024)


def test_pixels_are_kept_as_they_are() -> None:
    crops = smooth_frames(3)
    assert unpack_frames(crops, stated_by_store(TINY), "video") is crops


def test_clips_are_unpacked_together() -> None:
    recipe = CropRecipe(sampling="r16", size=(32, 32), storage="jpeg")
    rows = np.stack([encode_jpeg(smooth_frames(1), quality=recipe.jpeg_quality)] * 3)
    assert unpack_frames(rows, stated_by_store(recipe), "video").shape == (3, 1, 2, 32, 32, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": (0, 4)}, "at least 1 x 1"),
        ({"interpolation": "cubic"}, "auto, area or linear"),
        ({"storage": "png"}, "raw, zstd or jpeg"),
        ({"jpeg_quality": 0}, "1 to 100"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        replace(TINY, **wrong)


def test_a_size_may_be_a_list() -> None:
    recipe = replace(TINY, size=[2, 2])  # type: ignore[arg-type]
    assert recipe == TINY
    assert crop_picture(colour(), Box(0, 0, 8, 8), recipe).shape == (2, 2, 3)
