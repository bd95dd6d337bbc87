"""The stages one after the other on an NTU-shaped dataset of many tiny clips: what a clip costs in each.

    python bench/scale.py --clips 20000

Makes the clips (videos of 12 frames, 80 x 60, MPEG-4, no two alike, and their `.skeleton` files), then runs index,
sample, crop, heatmaps, features and train once, each in a process of its own with two workers; tiny networks, learned
on a smaller project before. Of each stage: seconds of the clock and of CPU, peak memory of the stage's process and of
its largest worker, files and bytes of its store, and what 114,480 clips (NTU RGB+D 120) would take at that rate.

    python bench/scale.py --clips 2000 --overhead

runs each stage with one worker, and again with nothing new, and tells work from overhead: CPU outside of the functions
that compute clips, less what the stage's start takes. `train` is left out: it has no clips of its own.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import environment, make_project
from pipeline.demo.record import record, subject
from pipeline.demo.scenario import SMALL, Take, generator, plan
from pipeline.demo.write import skeleton_text
from pipeline.paths import Paths

NTU_120 = 114_480
FRAMES, WIDTH, HEIGHT = 12, 80, 60
STAGES = ("index", "sample", "crop", "heatmaps", "features", "train")
STORES = {
    "index": ("skeletons.zarr", "catalog.parquet"), "sample": ("samples.zarr",), "crop": ("frames.zarr",),
    "heatmaps": ("heatmaps.zarr",), "features": ("features.zarr",),
}  # fmt: skip
TARGET_MS = 1.0
"""Overhead a clip and stage."""
CHANGES: dict[str, Any] = {
    "max_failed": 0.0, "index.shard_rows": 1024, "crop.shard_rows": 512, "heatmaps.shard_rows": 512,
    "features.shard_rows": 1024, "sample": {"r8": {"rule": "centered", "num_frames": 8}},
    "crop.recipes": {"r8": {"sampling": "r8", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd"}},
    "heatmaps.recipe": "r8", "heatmaps.size": [16, 16], "pretrain.backbones.video.recipe": "r8",
    "pretrain.backbones.video.plan.epochs": 1, "pretrain.backbones.skeleton.plan.epochs": 1,
    "pretrain.backbones.pose.plan.epochs": 1, "train.seeds": [0],
    "train.methods": ["video", "skeleton", "amfi"], "train.single_backbones": ["pose"],
}  # fmt: skip
_MARK = b"S000C000P000R000A000"


def takes() -> list[Take]:
    """The small demo's clips that nothing is wrong with."""
    return [take for take in plan(SMALL) if take.flaw is None]


def tiny_clip(take: Take) -> tuple[bytes, str]:
    """A take's video and skeleton, made small; _MARK in the video, {body} in the text tell copies apart."""
    rng = generator(0, take.scene)
    found = record(take.shown, subject(0, take.subject, take.setup), camera=take.camera, rng=rng)
    frames = found.frames[:FRAMES, ::4, ::4]
    text = skeleton_text(_first(found), clip_id=_MARK.decode())
    return _encoded(frames), re.sub(
        r"^\d{16}(\d)(?= 0 1 1 1 1 0 0 0 2)", r"{body}\1", text, flags=re.MULTILINE
    )


def _first(found: Any) -> Any:
    """The recording's first frames, joints in the small video's pixels."""
    return replace(
        found, joints=found.joints[:FRAMES], colour=found.colour[:FRAMES] / 4, depth=found.depth[:FRAMES],
        present=found.present[:FRAMES], frames=found.frames[:FRAMES],
    )  # fmt: skip


def _encoded(frames: Any) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="avi") as container:
        container.metadata["title"] = _MARK.decode()
        codec: Any = container.add_stream("mpeg4", rate=30)
        codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in frames:
            container.mux(
                codec.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"))
            )
        container.mux(codec.encode())
    return file.getvalue()


def write_clips(folder: Path, clips: int) -> Path:
    """So many clips: the small demo's in turns, as other set-ups', each with bytes of its own."""
    (folder / "all").mkdir(parents=True)
    made = [(take.clip_id[4:], *tiny_clip(take)) for take in takes()]
    for number in range(clips):
        rest, video, skeleton = made[number % len(made)]
        name = f"S{1 + number // len(made):03}{rest}"
        (folder / "all" / f"{name}_rgb.avi").write_bytes(video.replace(_MARK, name.encode()))
        text = skeleton.replace("{body}", str(7205759403792793 + number))
        (folder / "all" / f"{name}.skeleton").write_text(text, newline="")
    return folder


class Spent:
    """CPU seconds within the functions that compute clips, of this process."""

    seconds = 0.0

    @classmethod
    def watch(cls) -> None:
        """From here on."""
        from pipeline.build import block

        inner: Callable[..., Any] = vars(block)["write_block"]

        def watching(root: Any, task: Any, compute: Callable[..., Iterator[Any]], **more: Any) -> Any:
            def timed(*given: Any) -> Iterator[Any]:
                made = compute(*given)
                while True:
                    began = time.process_time()
                    try:
                        found = next(made)
                    except StopIteration:
                        return
                    finally:
                        cls.seconds += time.process_time() - began
                    yield found

            return inner(root, task, timed, **more)

        setattr(block, "write_block", watching)  # noqa: B010  # the room's own name, which it does not give away


def child(stage: str, root: Path, workers: int) -> None:
    """Run one stage; print what it took as JSON."""
    from importlib import import_module

    from pipeline.build.runner import RunOptions
    from pipeline.params.presets import load_preset

    Spent.watch()
    paths = Paths(root, "demo")
    began = time.monotonic()
    summary = import_module(f"stages.{stage}").run(
        paths, load_preset(paths.params, "demo"), RunOptions(quiet=True, workers=workers)
    )
    print(summary, file=sys.stderr)
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "seconds": time.monotonic() - began, "work": Spent.seconds,
        "cpu": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime,
        "own_mb": own.ru_maxrss / 1000, "worker_mb": others.ru_maxrss / 1000,
    }  # fmt: skip
    print(json.dumps(found))


def measured(stage: str, paths: Paths, workers: int) -> dict[str, float]:
    """Run a stage in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", stage, str(paths.root), "--workers", str(workers)],
        env=environment(paths), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def held(paths: Paths, stage: str) -> tuple[int, int]:
    """Files and bytes of what a stage made for others to read."""
    files = [
        file
        for name in STORES.get(stage, ())
        for file in [paths.store("any").parent / name, *(paths.store("any").parent / name).rglob("*")]
        if file.is_file()
    ]
    return len(files), sum(file.stat().st_size for file in files)


def main() -> None:
    """Make the clips and the networks, run the stages, print a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), options.workers)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        small = make_project(folder / "small", write_clips(folder / "raw_small", len(takes()) * 2), **CHANGES)
        for stage in (*STAGES[:4], "pretrain"):
            measured(stage, small, 1)
        paths = make_project(folder / "project", write_clips(folder / "raw", options.clips), **CHANGES)
        small.weights.parent.rename(paths.weights.parent)
        report: Callable[..., bool] = overhead if options.overhead else costs
        stages = STAGES[:-1] if options.overhead else STAGES
        missed = [report(stage, paths, options) for stage in stages]
    sys.exit(any(missed))


def costs(stage: str, paths: Paths, options: argparse.Namespace) -> bool:
    """One line of what a stage took."""
    found, clips = measured(stage, paths, options.workers), options.clips
    files, size = held(paths, stage)
    each_ms = found["cpu"] / clips * 1e3
    print(
        f"{stage:8} {clips:,} clips: {found['seconds']:.1f} s, {found['cpu']:.1f} s CPU ({each_ms:.2f} ms a clip), "
        f"{found['own_mb']:.0f} MB and {found['worker_mb']:.0f} MB a worker; {files} files, "
        f"{size / clips:,.0f} bytes a clip; {NTU_120:,} clips: {each_ms * NTU_120 / 6e4:.1f} min CPU",
        flush=True,
    )
    return False


def overhead(stage: str, paths: Paths, options: argparse.Namespace) -> bool:
    """One line of work and overhead; whether the target is missed."""
    made, again = measured(stage, paths, 1), measured(stage, paths, 1)
    work = made["work"] / options.clips * 1e3
    beside = (made["cpu"] - made["work"] - again["cpu"]) / options.clips * 1e3
    start = again["cpu"]
    print(
        f"{stage:8} work {work:.2f} ms a clip, overhead {beside:.2f} ms ({beside / (beside + work):.0%}), start "
        f"{start:.1f} s: {'met' if beside <= TARGET_MS else 'MISSED'}",
        flush=True,
    )
    return bool(beside > TARGET_MS)


if __name__ == "__main__":
    main()
