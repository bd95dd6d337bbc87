"""One epoch of each head from cached cuts, against the same epoch from the recordings: decode, crop, extract, train.

    python bench/epochs.py                       networks at full size, 16 clips end to end, three pairs
    python bench/epochs.py --clips 2 --pairs 1

Draws a small demo dataset into a temporary folder and runs the stages to features.zarr, with networks at full size:
R3D-18 on 16 × 112² and AGCN for AMFI-Net, RGB-X-ShiftNet on 16 × 224² and Pose-X-ShiftNet on 16 × 56² for EPAM-Net.
They learn for one epoch, for what they know does not change what they cost. One arm trains a head for an epoch on
the cached cuts of 1,024 clips (the store's own, over and over). The other decodes, crops, renders, and runs the
frozen networks on some clips first, as `crop`, `heatmaps` and `features` do, and then does the same. CPU time a
clip, on one thread.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import make_project, make_recordings
from cache import Row
from models.device import use_cores
from pipeline.build.pinned import Pinned
from pipeline.build.runner import RunOptions
from pipeline.build.work import SourcedWork
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.params.params import Preset
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.video.crop import BOX
from stages import crop, features, heatmaps, index, pretrain, sample
from stages.train import HeadTraining

VECTORS_TARGET, MAPS_TARGET = 1000, 50
"""Times that an epoch from cache is to be cheaper: heads on vectors, heads on maps."""

HEADS = {
    "video": ("vectors", ("video",)),
    "concatenation": ("vectors", ("video", "skeleton")),
    "amfi": ("vectors", ("video", "skeleton")),
    "epam": ("maps", ("rgb", "pose")),
}
"""Kind of input of each head, and the backbones that would have to run for it."""

EPOCH_CLIPS = 1024

PLAN = {"epochs": 1, "batch": 8, "lr": 0.01, "weight_decay": 5.0e-4}
VIDEO = {"modality": "video", "recipe": "r16", "augment": {"kind": "light"}, "plan": PLAN}
RECIPE = {"sampling": "r16", "box": {"rule": "square"}, "storage": "zstd"}
BACKBONES: dict[str, Any] = {
    "video": {**VIDEO, "model": {"kind": "r3d18", "stem": "7x7x7"}},
    "skeleton": {
        "modality": "skeleton",
        "model": {"kind": "agcn"},
        "input": {"style": "ctr", "num_frames": 64, "max_persons": 2, "length": "resize"},
        "plan": PLAN,
    },
    "rgb": {**VIDEO, "recipe": "large", "model": {"kind": "rgb_xshift"}, "cuts": ["features", "map"]},
    "pose": {
        "modality": "heatmaps",
        "model": {"kind": "pose_xshift", "frame_stride": 1},
        "cuts": ["features", "channel_pool"],
        "plan": PLAN,
    },
}
CHANGES: dict[str, Any] = {
    "crop.recipes": {"r16": {**RECIPE, "size": [112, 112]}, "large": {**RECIPE, "size": [224, 224]}},
    "heatmaps": {"recipe": "r16", "store": "maps", "size": [56, 56], "sigma": 0.6, "shard_rows": 16},
    "pretrain": {
        "seeds": [0],
        "hold_out": {"share": 0.34},
        "refit": False,
        "amp": "off",
        "backbones": BACKBONES,
    },
    "train": {
        "methods": [*HEADS],
        "seeds": [0],
        "streams": {"epam": {"rgb": "rgb", "pose": "pose"}},
        "plan": {**PLAN, "batch": 32},
    },
}


def prepared(folder: Path) -> tuple[Paths, Preset]:
    """A project whose stages ran to features.zarr."""
    smaller = {f"pretrain.backbones.{name}": value for name, value in BACKBONES.items()}
    paths = make_project(folder / "project", make_recordings(folder / "recordings"), **{**smaller, **CHANGES})
    os.environ["HARCACHE_DIR"] = str(paths.root / ".harcache")
    preset = load_preset(paths.params, "demo")
    for stage in (index, sample, crop, heatmaps, pretrain, features):
        print(stage.run(paths, preset, RunOptions(quiet=True)), file=sys.stderr)
    return paths, preset


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def made_anew(paths: Paths, preset: Preset, names: Sequence[str], ids: list[str]) -> None:
    """Rows of all stores that these backbones' features need, computed and thrown away."""
    options = RunOptions(quiet=True)
    backbones = [preset.pretrain.backbones[name] for name in names]
    recipes = {one.recipe for one in backbones if one.modality == "video"}
    drawn = any(one.modality == "heatmaps" for one in backbones)
    needed: dict[Any, Callable[[str], bool]] = {
        crop: lambda array: array.removeprefix(BOX) in recipes,
        heatmaps: lambda _: drawn,
        features: lambda array: any(array.startswith(f"{name}_0") for name in names),
    }
    for stage, needs in needed.items():
        job = stage.plan(paths, preset, options)
        arrays = frozenset(array.name for array in job.spec.arrays if needs(array.name))
        work = job.work
        if isinstance(work, SourcedWork):
            work = work.named_by({row.id: named_inputs(row) for row in job.rows if row.id in ids})
        made = dict(work.compute(ids, arrays)) if arrays else {}
        assert all(isinstance(rows, dict) for rows in made.values()), made


def named_inputs(row: Row) -> dict[str, Any]:
    """Digests by which a row's documents name its inputs."""
    documents: list[Any] = [*row.docs.values()]
    return {name: digest for document in documents for name, digest in document["inputs"].items()}


def one_epoch(paths: Paths, preset: Preset, method: str, ids: Sequence[str], scratch: Path) -> None:
    """Train a fresh head for one epoch on cached cuts of these clips, reading included."""
    training = HeadTraining(paths, preset, opened_catalog(paths.catalog), method, Pinned(), None)
    scratch.mkdir()
    training.fitting(0, selection=True).fit(scratch, 0, tuple(ids), (), epochs=1)


def main() -> None:
    """Measure every head; exit status 1 where one misses its target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=16, help="clips that go end to end in each pair")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    missed = False
    use_cores(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths, preset = prepared(folder)
        usable = sorted(set(opened_store(paths.store("features")).ids))
        epoch = [usable[place % len(usable)] for place in range(EPOCH_CLIPS)]
        for method, (kind, backbones) in HEADS.items():
            one_epoch(paths, preset, method, epoch[:64], folder / f"{method}-warm")
            pairs = []
            for number in range(options.pairs):
                scratch = folder / f"{method}-{number}"
                cached = cpu_seconds(partial(one_epoch, paths, preset, method, epoch, scratch)) / len(epoch)
                first = number * options.clips
                chosen = [usable[(first + place) % len(usable)] for place in range(options.clips)]
                anew = cpu_seconds(partial(made_anew, paths, preset, backbones, chosen)) / len(chosen)
                pairs.append((cached, anew + cached))
            ratio = median(whole / cached for cached, whole in pairs)
            target = VECTORS_TARGET if kind == "vectors" else MAPS_TARGET
            missed |= ratio < target
            print(
                f"{method} on {kind}: {1e3 * median(c for c, _ in pairs):.2f} ms a clip from cache, "
                f"{1e3 * median(w for _, w in pairs):.0f} ms end to end: {ratio:,.0f} times, target {target:,}"
            )
    sys.exit(missed)


if __name__ == "__main__":
    main()
