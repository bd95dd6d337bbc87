"""Random augmentation of skeletons in training, with a given random generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.normalise import SkeletonInput, window
from pipeline.skeleton.resampling import crop_resize
from pipeline.skeleton.rotations import rotation_matrices


@dataclass(frozen=True, slots=True)
class SkeletonAugment:
    """Strengths of the augmentation; zeros and a crop of 1 leave a skeleton unchanged."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "crop_shares",
        "rotation_radians",
        "scale",
        "mirror_chance",
        "noise",
        "axes",
    )

    crop_shares: tuple[float, float] = (0.5, 1.0)
    """Range of the share of frames that a random crop takes, drawn uniformly; the crop is resized to T (SPEC
    0.3b).
    """
    rotation_radians: float = 0.3
    """Largest rotation angle about each axis, in radians; one triple of angles for each clip."""
    scale: float = 0.1
    """Sizes are multiplied by a factor drawn uniformly from 1 ± this."""
    mirror_chance: float = 0.0
    """Probability of exchanging left and right; harmful where a class depends on the side."""
    noise: float = 0.0
    """Standard deviation of noise added to each known coordinate, in the input's own unit."""
    axes: Literal[2, 3] = 3
    """Number of spatial axes: 2 where the third channel is a score, so that only x and y are changed."""

    def __post_init__(self) -> None:
        low, high = self.crop_shares
        if not 0 < low <= high <= 1:
            raise ParamError(f"crop_shares must rise within (0, 1], got {self.crop_shares}")
        if not 0 <= self.mirror_chance <= 1:
            raise ParamError(f"mirror_chance must lie in [0, 1], got {self.mirror_chance}")
        if not 0 <= self.scale < 1 or self.noise < 0:
            raise ParamError(
                f"scale must lie in [0, 1) and noise be 0 or more, got {self.scale} and {self.noise}"
            )


def skeletons(
    bases: Sequence[NDArray[np.float32]],
    layout: Layout,
    how: SkeletonAugment,
    target: SkeletonInput,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Augment normalised clips (3, L, V, M), each with its own L, into one batch (B, 3, T, V, M).

    Time comes first: a random crop, or with `crop_shares` of (1, 1) the same `window` as in testing.
    """
    whole = how.crop_shares == (1.0, 1.0)
    batch = np.stack([window(b, target) if whole else random_crop(b, how, target, rng) for b in bases])
    mirrored = rng.random(len(batch)) < how.mirror_chance
    batch[mirrored] = mirror(batch[mirrored], layout)
    known = np.any(batch != 0, axis=1, keepdims=True)
    space = batch[:, : how.axes]
    linear = _turns_and_sizes(len(batch), how, rng)
    batch[:, : how.axes] = (linear @ space.reshape(*space.shape[:2], -1)).reshape(space.shape)
    if how.noise > 0:
        batch[:, : how.axes] += known * rng.normal(0, how.noise, space.shape).astype(np.float32)
    return batch


def _turns_and_sizes(count: int, how: SkeletonAugment, rng: np.random.Generator) -> NDArray[np.float32]:
    """(B, axes, axes): a rotation times a size."""
    angles = rng.uniform(-how.rotation_radians, how.rotation_radians, (count, 3))
    if how.axes == 2:
        angles[:, :2] = 0.0
    sizes = rng.uniform(1 - how.scale, 1 + how.scale, (count, 1, 1))
    return np.asarray((rotation_matrices(angles) * sizes)[:, : how.axes, : how.axes], dtype=np.float32)


def random_crop(
    base: NDArray[np.float32], how: SkeletonAugment, target: SkeletonInput, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Crop a random stretch of (3, L, V, M) and resize it to (3, T, V, M); never shorter than T where L allows it."""
    length = base.shape[1]
    kept = min(max(int(length * rng.uniform(*how.crop_shares)), target.num_frames, 1), length)
    start = int(rng.integers(0, length - kept + 1))
    return crop_resize(base, start, start + kept, target.num_frames)


def mirror(joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Exchange left and right joints of (..., 3, T, V, M) and negate x; twice gives the input."""
    swapped = joints[..., layout.mirror, :]
    swapped[..., 0, :, :, :] *= -1
    return swapped
