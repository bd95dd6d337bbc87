"""Cropping 16 frames of each clip, against the same decoder doing nothing else.

    python bench/crop.py

Draws clips (H.264 and MPEG-4, 640 x 480 and 1920 x 1080) into a temporary folder. The yardstick decodes each
clip up to the last frame that the crop needs, and drops the frames; cropping also cuts 16 of them, shrinks them to
112 x 112 and makes them RGB. Both run on one thread and are timed in CPU seconds, clip by clip in turns,
so that what else the machine does cancels out.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.video.stream import VideoStream

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.decoding.container import open_stream
from pipeline.values import Box, Samples
from pipeline.video.crop import crop_clip
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.sampling import SamplingRule, sample
from pipeline.video.video import AvVideo

TARGET = 0.85
"""Share of the bare decoder's speed."""

NUM_FRAMES = 90
RECIPE = CropRecipe(sampling="centered")
NOISES = 5


@dataclass(frozen=True)
class Size:
    """A video's size, the box around its person, and its bit rate."""

    height: int
    width: int
    box: Box
    bit_rate: int


SIZES = {
    "640x480": Size(480, 640, Box(120, 40, 520, 440), 2_000_000),
    "640x480-odd": Size(480, 640, Box(121, 41, 521, 441), 2_000_000),
    "1920x1080": Size(1080, 1920, Box(601, 251, 1201, 851), 6_000_000),
}
"""A box whose edges are odd goes through the middle of colour samples, which takes longer."""


def draw_video(path: Path, codec: str, size: Size, seed: int, *, num_frames: int = NUM_FRAMES) -> None:
    """A textured person that moves over a textured background, with sensor noise; again after NUM_FRAMES."""
    rng = np.random.default_rng(seed)
    cells = (size.height // 8, size.width // 8, 3)
    scene = np.kron(rng.integers(40, 200, cells), np.ones((8, 8, 1))).astype(np.int16)
    unit = size.height // 40
    person = np.kron(rng.integers(0, 255, (20, 10, 3)), np.ones((unit, unit, 1))).astype(np.int16)
    noises = rng.integers(-6, 7, (NOISES, size.height, size.width, 1), dtype=np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        stream.bit_rate = size.bit_rate
        for number in range(num_frames):
            picture = scene + noises[number % NOISES]
            left = size.width // 4 + number % NUM_FRAMES * size.width // 400
            picture[size.height // 4 : 3 * size.height // 4, left : left + 10 * unit] = person
            frame = av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def decode_only(path: Path, samples: Samples) -> None:
    """Decode up to the last wanted frame."""
    last = int(samples.frames.max())
    with open_stream(path, threads=1) as (container, stream):
        for number, _ in enumerate(container.decode(stream)):
            if number == last:
                return


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(codec: str, size: Size, *, clips: int, rounds: int, folder: Path) -> tuple[float, float, float]:
    """Seconds a clip of decoding alone and of cropping, and the median ratio of the pairs."""
    samples = sample(SamplingRule(), NUM_FRAMES)
    cuts = {"video": (RECIPE, samples, size.box)}
    pairs = []
    for number in range(clips):
        path = folder / f"{number:02}.mp4"
        draw_video(path, codec, size, number)
        for _ in range(rounds):
            bare = seconds(lambda path=path: decode_only(path, samples))  # type: ignore[misc]
            full = seconds(lambda path=path: crop_clip(AvVideo(path, threads=1), cuts))  # type: ignore[misc]
            pairs.append((bare, full))
    bare, full = (median(times) for times in zip(*pairs, strict=True))
    return bare, full, median(one / other for one, other in pairs)


def main() -> None:
    """Time both in turns; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=4, help="clips of each codec and size")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs a clip; their median is printed")
    parser.add_argument("--codec", choices=["libx264", "mpeg4"], action="append", help="default: all")
    parser.add_argument("--size", choices=sorted(SIZES), action="append", help="default: all")
    options = parser.parse_args()
    shares = []
    for codec in options.codec or ["libx264", "mpeg4"]:
        for name in options.size or sorted(SIZES, reverse=True):
            with TemporaryDirectory() as folder:
                bare, full, share = measure(
                    codec, SIZES[name], clips=options.clips, rounds=options.rounds, folder=Path(folder)
                )
            shares.append(share)
            print(
                f"{codec} {name}, {options.clips} clips of {NUM_FRAMES} frames: decoding {bare * 1000:.1f} ms a "
                f"clip, cropping {full * 1000:.1f} ms: {share:.2f} of the decoder's speed, "
                f"target {TARGET}: {'met' if share >= TARGET else 'MISSED'}",
                flush=True,
            )
    sys.exit(min(shares) < TARGET)


if __name__ == "__main__":
    main()
