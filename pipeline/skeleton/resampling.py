"""Operations along a skeleton's time axis: gaps interpolated, sequences repeated, cropped and resized."""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError


def fill_gaps(
    values: NDArray[np.floating], seen: NDArray[np.bool_], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Interpolate missing joints of present people linearly in time: (L, M, V, D), (L, M, V) seen, (L, M) present.

    Returns the values, 0 where unknown, and where they are known: a present person's joint that is
    seen in at least one frame. Before its first and after its last sighting a joint keeps its position.
    """
    known = present[..., None] & seen.any(axis=0)
    if not (known & ~seen).any():
        return np.where(known[..., None], values, 0.0) + np.float64(0.0), known
    frames = np.arange(len(values))[:, None, None]
    before, after = sightings(seen)
    ever = before[-1] >= 0
    first, last = np.where(before < 0, after, before), np.where(after >= len(values), before, after)
    first, last = np.where(ever, first, 0)[..., None], np.where(ever, last, 0)[..., None]
    share = (frames[..., None] - first) / np.maximum(last - first, 1)
    clean = np.where(seen[..., None], values, 0.0)
    start, end = np.take_along_axis(clean, first, axis=0), np.take_along_axis(clean, last, axis=0)
    return np.where(known[..., None], start + share * (end - start), 0.0), known


def sightings(seen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each frame of (L, M, V), the last one up to it and the first one from it on that see a joint.

    -1 and L where there is none. Seen in frames 1 and 3 of 5: before -1 1 1 3 3, after 1 1 3 3 5.
    """
    frames = np.arange(len(seen))[:, None, None]
    before = np.maximum.accumulate(np.where(seen, frames, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, frames, len(seen))[::-1], axis=0)[::-1]
    return before, after


def repeat_to(base: NDArray[np.float32], num_frames: int) -> NDArray[np.float32]:
    """Repeat each person's own sequence from its start: (C, L, V, M) → (C, T, V, M).

    A person who leaves early starts anew when he has left (2s-AGCN's `pre_normalization`): with L = 3
    and T = 5, a person seen in frames 0 and 1 gives 0 1 0 1 0, one seen in all gives 0 1 2 0 1.
    """
    there = np.abs(base).sum(axis=(0, 2)) > 0
    lengths = np.where(there.any(axis=0), len(there) - np.argmax(there[::-1], axis=0), 1)
    index = np.arange(num_frames)
    repeated: NDArray[np.float32] = base.take(index % lengths.max(), axis=1)
    for person in np.flatnonzero(lengths < lengths.max()):
        repeated[..., person] = base[:, index % lengths[person], :, person].swapaxes(0, 1)
    return repeated


def crop_resize(base: NDArray[np.float32], start: int, stop: int, num_frames: int) -> NDArray[np.float32]:
    """Resize frames [start, stop) of (C, L, V, M) to (C, T, V, M): linear, half-pixel centres.

    Output i reads position (i + ½)(stop - start)/T - ½, held at the ends: torch's bilinear with
    align_corners False, as CTR-GCN's `valid_crop_resize`. Four frames to two: positions 0.5 and 2.5.
    """
    if not 0 <= start < stop <= base.shape[1]:
        raise SkeletonError(f"crop [{start}, {stop}) must lie in the clip's {base.shape[1]} frames")
    length = stop - start
    position = np.clip((np.arange(num_frames) + 0.5) * length / num_frames - 0.5, 0, length - 1)
    lower = np.floor(position).astype(np.intp)
    share = (position - lower).astype(np.float32)[:, None, None]
    upper = np.minimum(lower + 1, length - 1)
    return np.asarray(base[:, start + lower] * (1 - share) + base[:, start + upper] * share)
