"""A small project to measure: the demo's recordings in little, and the demo's preset with tiny networks."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.demo import SMALL, make_demo
from pipeline.paths import Paths

HOUSE = Path(__file__).resolve().parents[1]

STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train", "report")

SMALLER: dict[str, Any] = {
    "max_failed": 1.0,
    "index.shard_rows": 64,
    "crop.shard_rows": 16,
    "heatmaps.shard_rows": 16,
    "features.shard_rows": 16,
    "pretrain.backbones.video.model.width": 4,
    "pretrain.backbones.skeleton.model.layout": [[8, 1], [16, 2]],
    "pretrain.backbones.video.plan.epochs": 3,
    "pretrain.backbones.skeleton.plan.epochs": 3,
    "train.plan.epochs": 3,
    "report.clips": 2,
}
"""Differences from the preset `demo` of params.yaml."""


def make_recordings(folder: Path) -> Path:
    """The small demo dataset: 50 clean clips and some spoilt ones, 320 x 240, 64 frames at most."""
    make_demo(folder, size=SMALL, quiet=True)
    return folder


def make_project(root: Path, recordings: Path, **changes: Any) -> Paths:
    """A folder with params.yaml and data/raw/demo, whose files are linked: replace them, never write into them."""
    shutil.copytree(recordings, root / "data" / "raw" / "demo", copy_function=os.link)
    document = yaml.safe_load((HOUSE / "params.yaml").read_text())
    preset = document["presets"]["demo"]
    for place, value in {**SMALLER, **changes}.items():
        *sections, last = place.split(".")
        inner = preset
        for section in sections:
            inner = inner[section]
        inner[last] = value
    params = {"dataset": "demo", "preset": "demo", "presets": {"demo": preset}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    return Paths(root, "demo")


def environment(paths: Paths) -> dict[str, str]:
    """Environment variables for a command that shall work on the project, with a cache of its own."""
    return {**os.environ, "HARCACHE_PROJECT": str(paths.root), "HARCACHE_DIR": str(paths.root / ".harcache")}
