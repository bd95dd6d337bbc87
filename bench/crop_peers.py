"""Cropping 16 frames of each clip beside SPDL, and in two processes beside one.

    python bench/crop_peers.py                 all four cases of bench/crop.py, H.264 and MPEG-4
    python bench/crop_peers.py --codec mpeg4

SPDL (spdl-io 0.8 was tried) decodes up to the last wanted frame, and cuts and shrinks the wanted ones by FFmpeg's own
filters, with one thread: CPU seconds, clip by clip in turns. Two processes share what one does alone, on two cores:
seconds on the wall, in turns, so a machine at rest gives the truest figure; SPDL's arm is two threads in one process,
which its decoder, free of Python's lock, can use. Exit status 1 below 1.0 of SPDL's speed, or 1.85 times one process.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crop import NUM_FRAMES, RECIPE, SIZES, Size, draw_video, seconds
from pipeline.values import Samples
from pipeline.video.crop import crop_clip
from pipeline.video.sampling import SamplingRule, sample
from pipeline.video.video import AvVideo

SPDL_TARGET, TWO_TARGET = 1.0, 1.85
CASES = ("640x480", "1920x1080")
SAMPLES = sample(SamplingRule(), NUM_FRAMES)
FORK = multiprocessing.get_context("fork")

Crop = Callable[[Path], object]


def cropped(path: Path, size: Size) -> object:
    """(16, 112, 112, 3), as the stage crops it."""
    return crop_clip(AvVideo(path, threads=1), {"video": (RECIPE, SAMPLES, size.box)})


def cropped_by_spdl(path: Path, size: Size, samples: Samples = SAMPLES) -> object:
    """(16, 112, 112, 3) by FFmpeg's filters: cut, shrunk, RGB."""
    io: Any = import_module("spdl.io")
    box = size.box
    cut = f"crop={box.right - box.left:.0f}:{box.bottom - box.top:.0f}:{box.left:.0f}:{box.top:.0f}"
    frames = io.sample_decode_video(
        io.demux_video(str(path)),
        sorted({int(frame) for frame in samples.frames.reshape(-1)}),
        decode_config=io.decode_config(decoder_options={"threads": "1"}),
        filter_desc=f"{cut},scale=112:112:flags=bilinear,format=pix_fmts=rgb24",
    )
    return io.to_numpy(io.convert_frames(frames))


def cpu_ratio(ours: Crop, other: Crop, clips: Sequence[Path], rounds: int) -> float:
    """Times as fast as the other, CPU."""
    for path in clips:
        ours(path)
        other(path)
    turns = [path for path in clips for _ in range(rounds)]
    return median(seconds(partial(other, path)) / seconds(partial(ours, path)) for path in turns)


def _each(crop: Crop, clips: Sequence[Path]) -> None:
    for path in clips:
        crop(path)


def _in_processes(crop: Crop, clips: Sequence[Path], count: int) -> None:
    started = [FORK.Process(target=_each, args=(crop, clips[part::count])) for part in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join()


def _in_threads(crop: Crop, clips: Sequence[Path], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        [*pool.map(crop, clips)]


def two_against_one(run: Callable[..., None], crop: Crop, clips: Sequence[Path], rounds: int) -> float:
    """Times as fast as one, on the wall."""

    def wall(count: int) -> float:
        began = time.perf_counter()
        run(crop, clips, count)
        return time.perf_counter() - began

    wall(1)
    return median(wall(1) / wall(2) for _ in range(rounds))


def measure(codec: str, size: Size, options: Any) -> tuple[float, float, float]:
    """Return the speed beside SPDL's, of two processes beside one, and of SPDL's two threads beside one."""
    with TemporaryDirectory() as folder:
        clips = [Path(folder) / f"{number:02}.mp4" for number in range(options.clips)]
        for number, path in enumerate(clips):
            draw_video(path, codec, size, number)
        ours, other = partial(cropped, size=size), partial(cropped_by_spdl, size=size)
        return (
            cpu_ratio(ours, other, clips, options.rounds),
            two_against_one(_in_processes, ours, clips * options.repeats, options.rounds),
            two_against_one(_in_threads, other, clips * options.repeats, options.rounds),
        )


def main() -> int:
    """Print a line a case; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--repeats", type=int, default=10, help="times that each clip is cropped in two and in one"
    )
    parser.add_argument("--codec", choices=["libx264", "mpeg4"], action="append", help="default: both")
    options = parser.parse_args()
    reached = True
    for codec in options.codec or ["libx264", "mpeg4"]:
        for case in CASES:
            beside, two, threads = measure(codec, SIZES[case], options)
            reached &= beside >= SPDL_TARGET and two >= TWO_TARGET
            print(
                f"{codec} {case}: {beside:.2f} of SPDL's speed (target {SPDL_TARGET}); two processes {two:.2f} times "
                f"one (target {TWO_TARGET}), SPDL's two threads {threads:.2f}",
                flush=True,
            )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
