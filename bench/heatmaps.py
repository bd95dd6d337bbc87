"""Heatmaps of a clip (48 frames, 17 joints, 56 x 56, two people): ours and MMAction2's GeneratePoseTarget.

    python -m venv bench-env && . bench-env/bin/activate
    pip install -e . && pip install --no-deps mmaction2==1.2.0
    python bench/heatmaps.py

MMAction2 is no dependency of ours, and its own ones (mmcv, mmengine, decord) are not needed: the one file
that holds the class is loaded from the installed package, with stand-ins for what it imports and never calls.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.skeleton.heatmaps import Canvas, HeatmapRule, render

Floats = NDArray[np.float32]

TARGET = 15.0
"""Times as fast as MMAction2 that joints must be drawn."""

COCO = (
    (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10),
    (5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12),
)  # fmt: skip
"""MMAction2's own limbs of 17 joints."""

POSE = (
    (28, 12), (29, 11), (27, 11), (30, 12), (26, 12), (33, 18), (23, 18), (36, 25), (20, 25), (38, 31),
    (18, 31), (31, 32), (25, 32), (32, 41), (24, 41), (33, 50), (23, 50),
)  # fmt: skip
"""A standing person, in cells: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles."""


def two_people() -> tuple[Floats, Floats]:
    """(48, 2, 17, 2) joints that sway, and (48, 2, 17) scores; one joint in thirty is missing."""
    rng = np.random.default_rng(0)
    sway = np.cumsum(rng.normal(0, 0.4, (48, 2, 17, 2)), axis=0)
    joints = np.array(POSE) + np.array([[[-9, 0]], [[9, 2]]]) + sway
    score = rng.uniform(0.3, 1, joints.shape[:3]) * (rng.random(joints.shape[:3]) > 1 / 30)
    return joints.astype(np.float32), score.astype(np.float32)


def stand_in(name: str, **content: Any) -> None:
    """Put an empty module, which may also be a package, where the file's imports look for one."""
    module = ModuleType(name)
    module.__dict__.update(content, __path__=[])
    sys.modules[name] = module


def generate_pose_target() -> Any:
    """MMAction2's class, from the file that pip installed."""
    try:
        file = distribution("mmaction2").locate_file("mmaction/datasets/transforms/pose_transforms.py")
    except PackageNotFoundError:
        sys.exit(
            "MMAction2 is not installed here. In a bench environment: pip install --no-deps mmaction2==1.2.0"
        )
    base = type("BaseTransform", (), {})
    registry = type("Registry", (), {"register_module": lambda self: lambda cls: cls})  # noqa: ARG005
    init, decode = (type(name, (base,), {}) for name in ("DecordInit", "DecordDecode"))
    for package in ("mmcv", "mmengine", "mmaction", "mmaction.datasets", "mmaction.datasets.transforms"):
        stand_in(package)
    stand_in("mmcv.transforms", BaseTransform=base, KeyMapper=base)
    stand_in("mmengine.dataset", Compose=base)
    stand_in("mmengine.fileio", FileClient=base)
    stand_in("mmaction.registry", TRANSFORMS=registry())
    stand_in("mmaction.datasets.transforms.loading", DecordInit=init, DecordDecode=decode)
    stand_in("mmaction.datasets.transforms.processing", _combine_quadruple=None)
    spec = importlib.util.spec_from_file_location("mmaction.datasets.transforms.pose_transforms", str(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.GeneratePoseTarget


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """Mean of `repeats` calls."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats * 1000


def compare(blocks: str, rounds: int) -> float:
    """Print one line about joints or limbs; return how many times as fast as MMAction2 ours is."""
    joints, score = two_people()
    limbs = blocks == "limbs"
    rule = HeatmapRule(bones=COCO, with_joints=not limbs, with_limbs=limbs)
    theirs = generate_pose_target()(sigma=0.6, with_kp=not limbs, with_limb=limbs, skeletons=COCO)
    clip = {"keypoint": joints.swapaxes(0, 1), "keypoint_score": score.swapaxes(0, 1), "img_shape": (56, 56)}
    gap = np.abs(theirs.gen_an_aug(clip) - render(rule, joints, score)).max()
    canvas = Canvas(rule)
    pairs = [
        (
            milliseconds(lambda: theirs.gen_an_aug(clip), 1),
            milliseconds(lambda: render(rule, joints, score), 5),
            milliseconds(lambda: canvas.draw(joints, score), 5),
        )
        for _ in range(rounds)
    ]
    peer, ours, reused = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(pair[0] / pair[1] for pair in pairs)
    print(
        f"{blocks:7} MMAction2 {peer:6.2f} ms, ours {ours:5.2f} ms ({reused:.2f} on a reused canvas): "
        f"{ratio:5.1f} times as fast; largest difference {gap:.1e}"
    )
    return ratio


def main() -> None:
    """Compare joints and limbs; exit status 1 where joints miss the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30, help="paired runs; medians are printed")
    rounds = parser.parse_args().rounds
    ratio = compare("joints", rounds)
    compare("limbs", rounds)
    print(f"joints: {ratio:.1f} times as fast, target {TARGET:.0f}: {'met' if ratio >= TARGET else 'MISSED'}")
    sys.exit(ratio < TARGET)


if __name__ == "__main__":
    main()
