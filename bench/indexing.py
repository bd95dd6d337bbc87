"""Indexing many `.skeleton` files of NTU RGB+D's form: the first time, with nothing new, and with one clip changed.

    python bench/indexing.py --clips 20000 --folder ../shared/data/ntu_skeletons

Writes so many files into a temporary folder: the first 30 frames of the folder's files in turns, each under a name and
with a body number of its own, so that no two are alike; without a folder, of a drawn person. Then `index` runs in
processes of its own, on one worker. CPU seconds and seconds of the clock, microseconds a clip, and peak memory; what
114,480 clips (NTU RGB+D 120) would take at that rate is stated beside it, or measured with `--clips 114480`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutant_inputs import skeleton_text
from bench.project import environment
from pipeline.paths import Paths

FRAMES = 30
NTU_120 = 114_480
PRESET = {
    "max_failed": 0.0,
    "index": {
        "adapter": "ntu",
        "protocol": "xsub",
        "max_frames": 300,
        "options": {"version": 120, "missing_list": "none"},
    },
    "pretrain": {
        "seeds": [0],
        "backbones": {
            "skeleton": {
                "modality": "skeleton",
                "model": {"kind": "agcn", "layout": [[8, 1]]},
                "plan": {"epochs": 1, "batch": 16, "lr": 0.1},
            }
        },
    },
}


def names() -> Iterator[str]:
    """Names of NTU RGB+D 120, more than it has."""
    for setup, camera, subject, action in product(range(1, 33), (1, 2, 3), range(1, 41), range(1, 121)):
        yield f"S{setup:03d}C{camera:03d}P{subject:03d}R001A{action:03d}"


def shortened(path: Path, frames: int) -> list[str]:
    """Return the lines of a file's first frames, its body number as a field to fill."""
    lines = iter(path.read_text().splitlines())
    length = min(int(next(lines)), frames)
    kept = [str(length)]
    for _ in range(length):
        kept.append(bodies := next(lines))
        for _ in range(int(bodies)):
            _, _, facts = next(lines).partition(" ")
            joints = next(lines)
            kept += [f"{{body}} {facts}", joints, *islice(lines, int(joints))]
    return kept


def write_files(root: Path, sources: list[str], clips: int) -> int:
    """Write the files; return their bytes."""
    root.mkdir(parents=True)
    size = 0
    for number, name in enumerate(islice(names(), clips)):
        text = sources[number % len(sources)].replace("{body}", str(72057594037927936 + number))
        size += (root / f"{name}.skeleton").write_text(text)
    return size


def child(root: Path) -> None:
    """Run the stage; print its summary, CPU and peak memory."""
    from pipeline.build.runner import RunOptions
    from pipeline.params.presets import load_preset
    from stages.index import run

    paths = Paths(root, "ntu")
    began = time.monotonic()
    summary = run(paths, load_preset(paths.params, "ntu"), RunOptions(quiet=True))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, seconds = used.ru_utime + used.ru_stime, time.monotonic() - began
    print(
        json.dumps({"made": summary.made, "cpu": cpu, "seconds": seconds, "megabytes": used.ru_maxrss / 1000})
    )


def measured(paths: Paths, clips: int, what: str, made: int) -> None:
    """Run `index` in a process, and print what it took. ValueError where it made another number of clips."""
    command = [sys.executable, __file__, "--child", str(paths.root)]
    done = subprocess.run(command, env=environment(paths), stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["made"] != made:
        raise ValueError(f"{what}: {found['made']} clips were made, expected {made}")
    each = found["cpu"] / clips
    print(
        f"{what}, {clips:,} clips: {found['cpu']:.1f} s CPU, {found['seconds']:.1f} s by the clock, "
        f"{each * 1e6:.0f} µs a clip, {found['megabytes']:.0f} MB at most; "
        f"{NTU_120:,} clips at that rate {each * NTU_120:.0f} s CPU",
        flush=True,
    )


def main() -> None:
    """Write the files, and index them three times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="folder of `.skeleton` files; default: a drawn person")
    parser.add_argument("--frames", type=int, default=FRAMES, help="frames of each file, at most")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn.skeleton"
        drawn.write_bytes(skeleton_text())
        files = sorted(options.folder.glob("*.skeleton")) if options.folder else [drawn]
        sources = ["\n".join(shortened(path, options.frames)) + "\n" for path in files]
        paths = Paths(Path(folder), "ntu")
        size = write_files(paths.raw, sources, options.clips)
        paths.params.write_text(
            yaml.safe_dump({"dataset": "ntu", "preset": "ntu", "presets": {"ntu": PRESET}})
        )
        print(f"{options.clips:,} files, {size / 1e6:,.0f} MB", flush=True)
        measured(paths, options.clips, "into an empty cache", options.clips)
        measured(paths, options.clips, "nothing new", 0)
        first = next(paths.raw.glob("*A001.skeleton"))
        text = first.read_text()
        first.unlink()
        first.write_text(text.replace("72057594037", "72057594038"))
        measured(paths, options.clips, "one clip changed", 1)


if __name__ == "__main__":
    main()
