"""The smallest whole run: a preset of one-channel-wide networks, and how tests start stages on it.

Sixty-three drawn clips (30 train, 20 test, 13 spoilt), networks that learn nothing worth knowing: what
counts here is which clip is made from what, not how well it is told apart.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import yaml
from house import HOUSE

from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.params.params import Preset
from pipeline.params.presets import load_preset
from pipeline.paths import Paths

STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train", "report")

PLAN: dict[str, Any] = {"epochs": 2, "batch": 16, "lr": 0.02, "weight_decay": 5.0e-4}

TINY: dict[str, Any] = {
    "max_failed": 0.2,
    "index": {
        "adapter": "ntu",
        "protocol": "xsub",
        "max_frames": 64,
        "options": {"missing_list": "none"},
        "shard_rows": 64,
    },
    "sample": {"r4": {"rule": "centered", "num_frames": 4}},
    "crop": {
        "shard_rows": 16,
        "recipes": {"r4": {"sampling": "r4", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd"}},
    },
    "heatmaps": {"recipe": "r4", "store": "maps", "size": [16, 16], "sigma": 0.6, "shard_rows": 16},
    "pretrain": {
        "seeds": [0],
        "hold_out": {"share": 0.34},
        "amp": "off",
        "backbones": {
            "video": {
                "modality": "video",
                "recipe": "r4",
                "model": {"kind": "r3d18", "width": 4, "stem": "3x7x7", "maxpool": False},
                "augment": {"kind": "light", "shift_pixels": 2, "flip_chance": 0.5},
                "plan": PLAN,
            },
            "skeleton": {
                "modality": "skeleton",
                "model": {"kind": "agcn", "layout": [[8, 1], [16, 2]]},
                "input": {"style": "ctr", "num_frames": 16, "max_persons": 2, "length": "resize"},
                "augment": {"crop_shares": [0.7, 1.0], "rotation_radians": 0.2, "scale": 0.1},
                "plan": PLAN,
            },
        },
    },
    "features": {"shard_rows": 16},
    "train": {"seeds": [0, 1], "plan": {**PLAN, "batch": 32}},
    "report": {"clips": 2, "tsne_clips": 100},
}


def tiny_params(**changes: Any) -> dict[str, Any]:
    """A params.yaml document whose only preset, `demo`, is TINY; `changes` replace whole dotted entries.

    Example: `tiny_params(**{"crop.shard_rows": 32})`.
    """
    preset = json.loads(json.dumps(TINY))  # nothing shared: YAML would write anchors
    for place, value in changes.items():
        *sections, last = place.split(".")
        inner = preset
        for section in sections:
            inner = inner[section]
        inner[last] = value
    return {"dataset": "demo", "preset": "demo", "presets": {"demo": preset}}


def one_modality(side: str, **train: Any) -> dict[str, Any]:
    """Changes of TINY for recordings of one modality alone; `train` replaces entries of that section."""
    other = {"video": "skeleton", "skeleton": "video"}[side]
    backbones = {side: TINY["pretrain"]["backbones"][side]}
    return {"pretrain.backbones": backbones, "train": {**TINY["train"], other: [], **train}}


@dataclass(frozen=True)
class Project:
    """A folder with params.yaml and data/raw/demo, as a user has one."""

    root: Path

    @classmethod
    def made(cls, root: Path, recordings: Path, **changes: Any) -> "Project":
        """A new one; the recordings are copied, so that a test may change them."""
        shutil.copytree(recordings, root / "data" / "raw" / "demo")
        project = cls(root)
        project.set_params(**changes)
        return project

    def copy(self, root: Path) -> "Project":
        """The same elsewhere; files are linked, and replaced rather than written into, but for SQLite's."""
        shutil.copytree(self.root, root, copy_function=link)
        return Project(root)

    def set_params(self, **changes: Any) -> None:
        """TINY with `changes`."""
        path = self.root / "params.yaml"
        path.unlink(missing_ok=True)
        path.write_text(yaml.safe_dump(tiny_params(**changes)))

    def forget_cache(self, *stores: str) -> None:
        """As on another machine that got all but `stores`: those left can be adopted, these must be made."""
        shutil.rmtree(self.root / ".harcache")
        for name in stores:
            shutil.rmtree(self.paths.store(name))

    @property
    def paths(self) -> Paths:
        return Paths(self.root, "demo")

    @property
    def raw(self) -> Path:
        return self.paths.raw

    @property
    def preset(self) -> Preset:
        return load_preset(self.paths.params, "demo")

    def run(self, stage: str, **options: Any) -> Summary:
        """One stage in this very process, on one thread."""
        threads = torch.get_num_threads()
        try:
            return import_module(f"stages.{stage}").run(
                self.paths, self.preset, RunOptions(**{"quiet": True, **options})
            )
        finally:
            torch.set_num_threads(threads)

    def run_all(self, *stages: str, **options: Any) -> dict[str, Summary]:
        """These stages, all of them by default, in order."""
        return {stage: self.run(stage, **options) for stage in stages or STAGES}

    def command(self, *words: str) -> list[str]:
        """A command line of cli.py."""
        return [sys.executable, str(HOUSE / "cli.py"), *words]

    @property
    def environment(self) -> dict[str, str]:
        """For a process that shall work on this project."""
        return {**os.environ, "HARCACHE_PROJECT": str(self.root)}

    def cli(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run cli.py in a process of its own."""
        return subprocess.run(
            self.command(*words), env=self.environment, capture_output=True, text=True, check=False
        )


def link(source: str, target: str) -> None:
    """A hard link; a copy of what is written in place."""
    if source.endswith(".sqlite"):
        shutil.copy2(source, target)
    else:
        os.link(source, target)


def content(folder: Path) -> dict[str, bytes]:
    """Every file under a folder (or that one file) with its bytes."""
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in files}


def replace_file(path: Path, data: bytes) -> None:
    """New content under the name; whatever else links to the old file keeps it."""
    path.unlink()
    path.write_bytes(data)
