"""Shared parts of all kinds of spoilt input: odd values, and reading a dataset to the end as `index` does."""

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.datasets.protocol import Dataset, fit_to_video, without_absurd
from pipeline.errors import ClipError
from pipeline.values import Clip, Skeleton
from pipeline.video.video import VideoFacts

Rng = random.Random | None
"""None makes a sound file; else its content is spoilt, its form is whole."""
FAILED = "failed"
"""Stands among the flags for a clip that was refused by its name."""
FRAMES, MOST_FRAMES = 6, 100_000
ODD_NUMBERS = (np.nan, np.inf, -np.inf, 1e30, -1e300, 1e7, -5.0, 0.0, 1e-320)
ODD_CELLS = (
    None, -1, 0, 2**40, 2**62, 1.5, -0.0, float("nan"), 1e300, "", " ", "é" * 100, "x" * 5000, "9" * 20, "١٢",
    b"\xff\xfe", True, "a.avi", "../a.avi", "/etc/passwd", "a\x00b", "train", "unused", "nan", "1.0",
)  # fmt: skip


def people(joints: int = 25) -> np.ndarray:
    """(T, 1, V, 3): one person who stands and moves a little."""
    return np.asarray(np.random.default_rng(0).normal(0, 0.3, (FRAMES, 1, joints, 3)) + np.array([0, 0, 3]))


def odd_arrays(rng: random.Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One of them changed, renamed or gone."""
    name = rng.choice(list(arrays))
    found = {**arrays, name: odd_array(rng, arrays[name])}
    if rng.random() < 0.1:
        found["other"] = found.pop(name)
    return found


def odd_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    """Other numbers, another type or another shape."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = np.array(array).astype(
            rng.choice(("f8", "f8", "f8", "f2", "i1", "u1", "i8", "bool", "c16", "U8"))
        )
    if rng.random() < 0.7 and changed.dtype.kind == "f":
        for _ in range(rng.choice((1, 5, changed.size))):
            changed.flat[rng.randrange(changed.size)] = rng.choice(ODD_NUMBERS)
    shapes = (
        changed,
        changed,
        changed,
        changed[:0],
        changed[..., :0],
        changed[..., 0],
        changed.T,
        changed[None],
    )
    shown = (*shapes, changed.repeat(2, axis=-1), changed.reshape(-1), changed[..., :1])
    return np.array(rng.choice(shown), order="C")


def read_clips(dataset: Dataset) -> list[str]:
    """Every clip as `index` reads it; the flags found. A clip's own failure counts as one."""
    listing, flags = dataset.listing(), []
    for clip in listing.clips:
        try:
            flags += _read_clip(dataset, clip)
        except ClipError:
            flags.append(FAILED)
    return [*flags, *(FAILED for _ in listing.failures)]


def _read_clip(dataset: Dataset, clip: Clip) -> list[str]:
    skeleton, flags = dataset.read_skeleton(clip)
    facts = dataset.open_video(clip).probe() if dataset.modality == "none" else None
    if facts is not None:
        check_facts(facts)
        skeleton, more = fit_to_video(skeleton, facts.num_frames)
        flags |= more
    kept, odd = without_absurd(skeleton, dataset.layout)
    check_skeleton(kept, dataset)
    if not 0 <= clip.label < len(dataset.classes):
        raise AssertionError(f"label {clip.label} of {len(dataset.classes)} classes")
    return sorted(flags | odd)


def check_skeleton(skeleton: Skeleton, dataset: Dataset) -> None:
    """A silent wrong shape, or an infinity that got through."""
    shape = skeleton.score.shape[1:]
    if shape != (dataset.max_persons, dataset.layout.num_joints):
        raise AssertionError(f"a skeleton of {shape}")
    for joints in (skeleton.joints_3d, skeleton.joints_2d):
        if joints.dtype != np.float32 or np.isinf(joints).any():
            raise AssertionError(f"joints of {joints.dtype} up to {np.nanmax(np.abs(joints)):g}")


def check_facts(facts: VideoFacts) -> None:
    """Counts and sizes that no later stage could hold."""
    if not (facts.num_frames > 0 and facts.height > 0 and facts.width > 0 and facts.fps >= 0):
        raise AssertionError(f"facts that cannot be: {facts}")


Reader = Callable[[Path, str], list[str]]
"""(folder, the file's name) to the flags found."""


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    file: str
    sound: Callable[[], bytes]
    read: Reader
    odd: Callable[[random.Random], bytes] | None = None
    """Whole in form, odd in content; None where spoilt bytes reach everything."""
