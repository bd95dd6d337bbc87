"""pipeline.skeleton.augment, pipeline.video.augment and pipeline.video.pixels: random changes, and bytes to floats."""

import numpy as np
import pytest

from pipeline.errors import ParamError
from pipeline.skeleton.augment import SkeletonAugment, mirror, skeletons
from pipeline.skeleton.layouts import NTU_25
from pipeline.skeleton.normalise import SkeletonInput, window
from pipeline.video.augment import VideoAugment, videos
from pipeline.video.pixels import PixelScale, to_float

STILL = SkeletonAugment(crop_shares=(1.0, 1.0), rotation_radians=0, scale=0)
TARGET = SkeletonInput(num_frames=16, length="resize")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bases() -> list[np.ndarray]:
    """Three clips of different length; the second has one person only."""
    clips = [rng(length).normal(size=(3, length, 25, 2)).astype(np.float32) for length in (9, 30, 70)]
    clips[1][..., 1] = 0
    return clips


def lengths(batch: np.ndarray) -> np.ndarray:
    child, parent = np.array(NTU_25.bones).T
    return np.linalg.norm(batch[..., child, :] - batch[..., parent, :], axis=1)


def test_without_changes_training_sees_what_testing_sees() -> None:
    batch = skeletons(bases(), NTU_25, STILL, TARGET, rng())
    np.testing.assert_array_equal(batch, np.stack([window(base, TARGET) for base in bases()]))


def test_rotation_keeps_bone_lengths_and_scale_multiplies_them() -> None:
    still = skeletons(bases(), NTU_25, STILL, TARGET, rng())
    turned = skeletons(bases(), NTU_25, SkeletonAugment((1.0, 1.0), 0.3, 0), TARGET, rng())
    assert np.abs(turned - still).max() > 0.05
    np.testing.assert_allclose(lengths(turned), lengths(still), rtol=1e-4, atol=1e-6)
    sized = skeletons(bases(), NTU_25, SkeletonAugment((1.0, 1.0), 0.3, 0.2), TARGET, rng())
    ratio = (lengths(sized)[..., 0] / lengths(still)[..., 0])[:, :, :20]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], ratio.shape), rtol=1e-4)
    assert (np.abs(ratio[:, 0, 0] - 1) <= 0.2).all()
    assert len(np.unique(ratio[:, 0, 0].round(4))) == 3


def test_the_same_seed_gives_the_same_batch_and_who_is_absent_stays_absent() -> None:
    how = SkeletonAugment(mirror_chance=0.5, noise=0.01)
    one, same, other = (skeletons(bases(), NTU_25, how, TARGET, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0
    assert not one[1, ..., 1].any()
    assert one.shape == (3, 3, 16, 25, 2)
    assert one.dtype == np.float32


def test_mirror_twice_is_identity_and_once_swaps_sides() -> None:
    joints = rng().normal(size=(2, 3, 4, 25, 2)).astype(np.float32)
    np.testing.assert_array_equal(mirror(mirror(joints, NTU_25), NTU_25), joints)
    once = mirror(joints, NTU_25)
    np.testing.assert_array_equal(once[:, 0, :, 4], -joints[:, 0, :, 8])
    np.testing.assert_array_equal(once[:, 1:, :, 4], joints[:, 1:, :, 8])


def test_a_score_is_neither_turned_nor_scaled() -> None:
    how = SkeletonAugment((1.0, 1.0), 0.3, 0.2, noise=0.1, axes=2)
    batch = skeletons(bases(), NTU_25, how, TARGET, rng())
    still = skeletons(bases(), NTU_25, STILL, TARGET, rng())
    np.testing.assert_array_equal(batch[:, 2], still[:, 2])
    assert np.abs(batch[:, :2] - still[:, :2]).max() > 0.05


def test_random_crops_are_stretches_of_the_clip() -> None:
    ramp = np.broadcast_to(np.arange(100, dtype=np.float32)[None, :, None, None], (3, 100, 25, 1)).copy()
    how = SkeletonAugment((0.5, 0.8), 0, 0)
    batch = skeletons([ramp] * 50, NTU_25, how, SkeletonInput(num_frames=20), rng())[:, 0, :, 0, 0]
    spans = batch[:, -1] - batch[:, 0]
    assert 46 <= spans.min() < 55 < 70 < spans.max() <= 80
    assert (np.diff(batch, axis=1) > 0).all()


@pytest.mark.parametrize(
    "bad", [{"crop_shares": (0.9, 0.5)}, {"mirror_chance": 2}, {"scale": 1}, {"noise": -1}]
)
def test_skeleton_settings_refuse_nonsense(bad: dict) -> None:
    with pytest.raises(ParamError):
        SkeletonAugment(**bad)


# -------------------------------------------------------------------------------------------- videos


def clips(count: int = 4, channels: int = 3, size: int = 12) -> np.ndarray:
    return rng().integers(1, 256, (count, 3, size, size, channels), dtype=np.uint8)


def test_nothing_drawn_nothing_changed() -> None:
    batch = clips()
    assert videos(batch, VideoAugment("none"), rng()) is batch
    np.testing.assert_array_equal(videos(batch, VideoAugment(shift_pixels=0), rng()), batch)


def test_shifted_clips_are_the_picture_moved_and_filled() -> None:
    batch = clips(32)
    moved = videos(batch, VideoAugment(shift_pixels=2), rng(3))
    seen = set()
    for clip, out in zip(batch, moved, strict=True):
        padded = np.pad(clip, ((0, 0), (2, 2), (2, 2), (0, 0)))
        places = [
            (x, y)
            for x in range(5)
            for y in range(5)
            if np.array_equal(padded[:, 4 - y : 16 - y, 4 - x : 16 - x], out)
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 10


def test_edges_can_be_repeated_instead() -> None:
    moved = videos(clips(16), VideoAugment(shift_pixels=4, fill="edge"), rng())
    assert moved.min() > 0


def test_horizontal_flip_of_one_channel() -> None:
    batch = clips(channels=1)
    flipped = videos(batch, VideoAugment(shift_pixels=0, flip_chance=1), rng())
    np.testing.assert_array_equal(flipped, batch[:, :, :, ::-1])


def test_amfi_turns_and_flips_are_exact_and_one_a_clip() -> None:
    batch = clips(64)
    moved = videos(batch, VideoAugment("amfi"), rng())
    found = set()
    for clip, out in zip(batch, moved, strict=True):
        candidates = {
            (turn, flip): np.rot90(clip if not flip else np.flip(clip, flip), turn, axes=(1, 2))
            for turn in range(4)
            for flip in (0, 1, 2)
        }
        hits = [name for name, candidate in candidates.items() if np.array_equal(candidate, out)]
        assert hits
        found.update(hits)
    assert len(found) == 12
    with pytest.raises(ParamError, match="square"):
        videos(batch[:, :, :8], VideoAugment("amfi"), rng())


def test_shrinking_leaves_a_border() -> None:
    moved = videos(np.full((1, 1, 20, 20, 3), 200, np.uint8), VideoAugment("light", 0, (0.5, 0.5)), rng())
    assert moved[0, 0, 5:15, 5:15].min() == 200
    assert moved[0, 0, :4].max() == 0


def test_brightness_multiplies_and_saturates() -> None:
    batch = np.full((200, 1, 4, 4, 3), 240, np.uint8)
    bright = videos(batch, VideoAugment(shift_pixels=0, brightness=0.25), rng())[:, 0, 0, 0, 0]
    assert 178 <= bright.min() < 200
    assert bright.max() == 255
    assert batch.min() == 240


@pytest.mark.parametrize("bad", [{"scales": (0.0, 1.0)}, {"shift_pixels": -1}, {"brightness": 1}])
def test_video_settings_refuse_nonsense(bad: dict) -> None:
    with pytest.raises(ParamError):
        VideoAugment(**bad)


# -------------------------------------------------------------------------------------------- pixels


def test_bytes_to_floats_by_hand() -> None:
    batch = np.zeros((2, 1, 1, 2, 3), np.uint8)
    batch[0, 0, 0, 1], batch[1] = [51, 102, 255], 10
    floats = to_float(batch, PixelScale())
    assert floats.shape == (2, 3, 1, 1, 2)
    np.testing.assert_allclose(floats[0, :, 0, 0, 1], [0.2, 0.4, 1.0], rtol=1e-6)
    scaled = to_float(batch, PixelScale(mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.25)))
    np.testing.assert_allclose(scaled[0, :, 0, 0, 1], [0.2, 0.4, 2.8], rtol=1e-5)


def test_minmax_of_a_clip_by_hand() -> None:
    batch = np.array([50, 100, 150], np.uint8).reshape(1, 1, 1, 3, 1)
    np.testing.assert_allclose(to_float(batch, PixelScale("clip")).ravel(), [0, 0.5, 1], atol=1e-6)
    flat = np.full((1, 1, 1, 3, 1), 9, np.uint8)
    np.testing.assert_allclose(to_float(flat, PixelScale("clip")).ravel(), [0, 0, 0], atol=1e-6)


def test_scales_refuse_nonsense() -> None:
    with pytest.raises(ParamError, match="2 values, the frames have 3"):
        to_float(clips(), PixelScale(mean=(0, 0), std=(1, 1)))
    with pytest.raises(ParamError, match="std"):
        PixelScale(std=(0.0,))
