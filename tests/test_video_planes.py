"""Planes: colours worked out by hand and against FFmpeg's own, places to half a colour sample, edges, odd sizes."""

from itertools import product

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from pipeline.values import Box
from pipeline.video.crop_recipe import INTERPOLATIONS, Interpolation
from pipeline.video.planes import FULL, LIMITED, Planes, crop_planes, planes_of
from pipeline.video.resize import resize

UNSAID, BT_709, SMPTE_240M, BT_2020, YCGCO = 2, 1, 7, 9, 8
LIMITED_RANGE, FULL_RANGE = 1, 2


def frame_of(
    luma: NDArray[np.uint8], blue: NDArray[np.uint8], red: NDArray[np.uint8], format: str = LIMITED
) -> av.VideoFrame:
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], format)
    for plane, samples in zip(frame.planes, (luma, blue, red), strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[: samples.shape[0], : samples.shape[1]] = samples
    return frame


def flat(
    luma: int, blue: int, red: int, *, height: int = 6, width: int = 8, format: str = LIMITED
) -> av.VideoFrame:
    small = (-(-height // 2), -(-width // 2))
    planes = (np.full((height, width), luma), np.full(small, blue), np.full(small, red))
    luma_plane, blue_plane, red_plane = (plane.astype(np.uint8) for plane in planes)
    return frame_of(luma_plane, blue_plane, red_plane, format)


def waves(height: int, width: int) -> NDArray[np.uint8]:
    """(H, W, 3): smooth, and every channel different."""
    y, x = np.mgrid[:height, :width]
    channels = [np.sin(x / 9 + y / 23), np.cos(y / 11 - x / 31), np.sin((x + y) / 17)]
    return np.stack([128 + 70 * c for c in channels], axis=2).astype(np.uint8)


def encoded(rgb: NDArray[np.uint8], format: str = LIMITED) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=format)


@pytest.mark.parametrize(
    ("yuv", "rgb"),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((235, 128, 128), (255, 255, 255)),
        ((81, 90, 240), (255, 0, 0)),  # BT.601's red: Y 65.481 + 16, Cb 128 - 37.797, Cr 128 + 112
        ((145, 54, 34), (0, 255, 0)),
        ((41, 240, 110), (0, 0, 255)),
        ((16, 255, 255), (203, 0, 255)),  # R = 1.596 * 127, G < 0, B > 255
    ],
)
def test_colours_of_bt_601(yuv: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    pixels = crop_planes(planes_of(flat(*yuv)), Box(0, 0, 8, 6), (3, 3), "auto")
    assert pixels.shape == (3, 3, 3)
    assert np.abs(pixels.astype(int) - rgb).max() <= 1


@pytest.mark.parametrize(
    ("colorspace", "weights"),
    [
        (UNSAID, (0.299, 0.587, 0.114)),
        (BT_709, (0.2126, 0.7152, 0.0722)),
        (SMPTE_240M, (0.212, 0.701, 0.087)),
        (BT_2020, (0.2627, 0.6780, 0.0593)),
    ],
)
def test_pure_colours_of_each_standard(colorspace: int, weights: tuple[float, float, float]) -> None:
    """Y = 16 + 219 (its weight), Cb = 128 + 224 (B - Y) / (2 - 2 blue), Cr likewise."""
    for channel, weight in enumerate(weights):
        rgb = np.eye(3)[channel]
        blue, red = ((rgb[c] - weight) / (2 - 2 * weights[c]) for c in (2, 0))
        frame = flat(round(16 + 219 * weight), round(128 + 224 * blue), round(128 + 224 * red))
        frame.colorspace = colorspace
        pixels = crop_planes(planes_of(frame), Box(0, 0, 8, 6), (3, 3), "auto")
        assert np.abs(pixels - 255 * rgb).max() <= 2


@pytest.mark.parametrize("colorspace", [UNSAID, BT_709, SMPTE_240M, BT_2020])
@pytest.mark.parametrize(("format", "range"), [*product((LIMITED, FULL), (0, LIMITED_RANGE, FULL_RANGE))])
def test_what_a_video_says_of_its_colours_is_heeded_as_ffmpeg_does(
    colorspace: int, format: str, range: int
) -> None:
    rng = np.random.default_rng(0)
    luma = rng.integers(70, 190, (16, 16), dtype=np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    blue, red = rng.integers(100, 156, (2, 16, 16), dtype=np.uint8)
    frame = frame_of(luma, blue, red, format)
    frame.colorspace, frame.color_range = colorspace, range
    theirs = frame.to_ndarray(format="rgb24").astype(int)[::2, ::2]
    ours = crop_planes(planes_of(frame), Box(0, 0, 32, 32), (16, 16), "area").astype(int)
    assert np.abs(ours - theirs).max() <= 4  # theirs rounds down twice
    assert np.abs(ours - theirs).mean() < 2


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("left", "top"), [*product((20, 21), (16, 17))])
def test_a_crop_is_near_that_of_the_picture_before_it_was_encoded(
    left: int, top: int, interpolation: Interpolation
) -> None:
    """On odd edges too, which lie in the middle of a colour sample."""
    rgb = waves(240, 320)
    box = Box(left, top, left + 199, top + 201)
    crop = crop_planes(planes_of(encoded(rgb)), box, (56, 56), interpolation).astype(int)
    truth = resize(rgb[box.top : box.bottom, box.left : box.right], (56, 56), "area")
    assert np.abs(crop - truth).mean() < 1
    assert abs((crop - truth).mean()) < 0.3


@pytest.mark.parametrize("photo", ["china.jpg", "flower.jpg"])
@pytest.mark.parametrize(("left", "top"), [(20, 16), (21, 17)])
def test_photographs_are_nearer_to_their_originals_than_where_colours_are_converted_first(
    photo: str, left: int, top: int
) -> None:
    rgb = load_sample_image(photo)
    rgb = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
    frame, box = encoded(rgb), Box(left, top, left + 354, top + 354)
    seen = (slice(box.top, box.bottom), slice(box.left, box.right))
    truth = resize(rgb[seen], (112, 112), "area").astype(int)
    ours = crop_planes(planes_of(frame), box, (112, 112), "auto") - truth
    converted_first = resize(frame.to_ndarray(format="rgb24")[seen], (112, 112), "auto") - truth
    assert np.abs(ours).mean() < 0.9 * np.abs(converted_first).mean()


def test_a_person_is_where_the_frame_shows_them_whatever_the_crops_left_edge_is() -> None:
    """A red square on grey, columns 40 to 59: seen at its place to a quarter of a pixel from any edge."""
    rgb = np.full((80, 120, 3), 120, np.uint8)
    rgb[30:50, 40:60] = (220, 40, 40)
    planes = planes_of(encoded(rgb))
    for left in range(8):
        crop = crop_planes(planes, Box(left, 0, left + 100, 80), (80, 100), "linear").astype(float)
        for channel in (0, 1):
            weight = np.abs(crop[..., channel] - crop[0, 0, channel]).sum(axis=0)
            centre = (weight * np.arange(100)).sum() / weight.sum()
            assert abs(centre - (49.5 - left)) < 0.25


@pytest.mark.parametrize("left", [200, 201])
def test_stripes_finer_than_a_pixel_are_their_mean(left: int) -> None:
    """A standing person's box: its colours, half as many, must grow across and shrink down."""
    red = np.full((450, 200), 90, np.uint8)
    red[np.arange(450) % 4 < 2] = 166
    no_colour = np.full((450, 200), 128, np.uint8)
    planes = planes_of(frame_of(np.full((900, 400), 128, np.uint8), no_colour, red))
    crop = crop_planes(planes, Box(left, 0, left + 160, 896), (112, 112), "area").astype(int)
    assert np.ptp(crop, axis=2).max() <= 4


@pytest.mark.parametrize(("format", "black"), [(LIMITED, 16), (FULL, 0)])
def test_a_pixel_half_outside_is_half_as_bright(format: str, black: int) -> None:
    """At each edge; and what lies outside lends it no colour."""
    planes = planes_of(flat(180, 128, 128, height=8, width=8, format=format))
    inner, outer = Box(0, 0, 8, 8), (Box(-2, 0, 6, 8), Box(0, -2, 8, 6), Box(2, 0, 10, 8), Box(0, 2, 8, 10))
    bright = int(crop_planes(planes, inner, (2, 2), "area")[0, 0, 0])
    assert planes.black == black
    for box, half in zip(outer, ((0, 0), (0, 0), (0, 1), (1, 0)), strict=True):
        crop = crop_planes(planes, box, (2, 2), "area").astype(int)
        assert np.ptp(crop, axis=2).max() <= 1
        assert abs(crop[half][0] - bright / 2) <= 1
        assert abs(crop[1 - half[0], 1 - half[1]][0] - bright) <= 1


@pytest.mark.parametrize("box", [Box(-4, -4, 4, 4), Box(4, 4, 12, 12), Box(5, 3, 13, 11)])
def test_no_edge_gets_a_colour_that_neither_side_has(box: Box) -> None:
    crop = crop_planes(planes_of(flat(81, 90, 240, height=8, width=8)), box, (16, 16), "linear")
    assert crop[..., 1].max() <= crop[..., 0].max() // 5  # red on black: no green, no blue
    assert crop[..., 2].max() <= crop[..., 0].max() // 5


def test_outside_the_frame_is_black() -> None:
    planes = planes_of(flat(180, 90, 200))
    crop = crop_planes(planes, Box(-8, -6, 8, 6), (12, 16), "linear")
    assert not crop[:6].any()
    assert not crop[:, :8].any()
    assert (crop[7:, 9:] == crop[-1, -1]).all()  # at the very edge colours are linear across it
    assert crop[-1, -1].max() > 0
    crop = crop_planes(planes, Box(0, 0, 16, 12), (12, 16), "linear")
    assert not crop[6:].any()
    assert not crop[:, 8:].any()
    assert not crop_planes(planes, Box(50, 50, 60, 60), (4, 4), "auto").any()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_small_box_is_enlarged(interpolation: Interpolation) -> None:
    crop = crop_planes(planes_of(encoded(waves(64, 64))), Box(11, 7, 14, 8), (9, 16), interpolation)
    assert crop.shape == (9, 16, 3)
    assert np.abs(crop.astype(int) - waves(64, 64)[7, 12]).max() < 40


def test_odd_sizes_keep_their_last_row_and_column() -> None:
    rgb = waves(61, 83)
    frame = encoded(rgb)
    crop = crop_planes(planes_of(frame), Box(0, 0, 83, 61), (61, 83), "linear").astype(int)
    assert np.abs(crop - rgb)[-4:].mean() < 4
    assert np.abs(crop - rgb)[:, -4:].mean() < 4


def test_nothing_is_copied() -> None:
    frame = flat(100, 128, 128)
    planes = planes_of(frame)
    np.frombuffer(frame.planes[0], np.uint8)[0] = 7
    assert planes.luma[0, 0] == 7
    assert isinstance(planes, Planes)


@pytest.mark.parametrize(
    ("format", "kept"), [(LIMITED, True), (FULL, True), ("yuv444p", False), ("gray", False)]
)
def test_other_pixel_formats_are_left_to_the_converter(format: str, kept: bool) -> None:
    assert (planes_of(encoded(waves(16, 16), format)) is not None) is kept


def test_colours_of_another_kind_are_left_to_the_converter() -> None:
    frame = flat(100, 128, 128)
    frame.colorspace = YCGCO
    assert planes_of(frame) is None
