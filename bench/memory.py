"""Peak memory of each stage at 100 and at 1,000 clips: it must be flat.

    python bench/memory.py

Links the clean clips of the small demo again and again under other names, with tiny networks and small
shards, and runs each stage in a process of its own. What is compared is the process's peak resident memory.
`pretrain` is run on the smaller project alone: features of the larger one come from the same weights.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import environment, make_project, make_recordings
from pipeline.paths import Paths

TARGET = 0.10
"""Share of memory by which the larger project may need more or less."""

STAGES = ("index", "sample", "crop", "heatmaps", "features")


def child(stage: str, root: Path) -> None:
    """Run one stage and say how much memory its process had at most."""
    from importlib import import_module

    from pipeline.build.runner import RunOptions
    from pipeline.params.presets import load_preset

    paths = Paths(root, "demo")
    summary = import_module(f"stages.{stage}").run(
        paths, load_preset(paths.params, "demo"), RunOptions(quiet=True)
    )
    print(summary, file=sys.stderr)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_mb(stage: str, paths: Paths) -> float:
    """Megabytes; getrusage counts kilobytes on Linux."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", stage, str(paths.root)],
        env=environment(paths), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout.split()[-1]) / 1000


def multiplied(recordings: Path, folder: Path, clips: int) -> Path:
    """So many links to clean clips, in turns, as other subjects' and set-ups' clips of the same actions."""
    videos = sorted(recordings.rglob("*_rgb.avi"))
    skeletons = {path.name[:20]: path for path in recordings.rglob("*.skeleton")}
    whole = [video for video in videos if video.name[:20] in skeletons][:50]
    (folder / "all").mkdir(parents=True)
    for number in range(clips):
        video = whole[number % len(whole)]
        old = video.name[:20]
        new = f"S{1 + number // len(whole):03}{old[4:]}"
        os.link(video, folder / "all" / f"{new}_rgb.avi")
        os.link(skeletons[old], folder / "all" / f"{new}.skeleton")
    return folder


def main() -> None:
    """Measure each stage in both projects; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs=2, default=(100, 1000), help="of the two projects")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    few, many = options.clips
    missed = 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        recordings = make_recordings(folder / "recordings")
        projects = [
            make_project(
                folder / f"project{n}",
                multiplied(recordings, folder / f"raw{n}", n),
                **{"pretrain.backbones.video.plan.epochs": 1, "pretrain.backbones.skeleton.plan.epochs": 1},
            )
            for n in (few, many)
        ]
        for stage in STAGES:
            if stage == "features":
                peak_mb("pretrain", projects[0])
                shutil.copytree(projects[0].weights, projects[1].weights)
            small, large = (peak_mb(stage, project) for project in projects)
            growth = large / small - 1
            missed += abs(growth) > TARGET
            print(
                f"{stage:8}: {small:6.0f} MB at {few} clips, {large:6.0f} MB at {many}: {growth:+.1%}, target "
                f"±{TARGET:.0%}: {'met' if abs(growth) <= TARGET else 'MISSED'}",
                flush=True,
            )
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
