"""Cropping 16 frames of each clip, against the same decoder doing nothing else.

    python bench/crop.py

Draws clips (H.264 or MPEG-4) into a temporary folder. The yardstick decodes each clip up to the last frame
that the crop needs, and drops the frames; cropping also converts 16 of them to RGB, cuts and resizes them.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.video.stream import VideoStream

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.crop import CropRecipe, crop_clip
from pipeline.sampling import SamplingRule, sample
from pipeline.values import Box, Samples
from pipeline.video import AvVideo, open_stream

TARGET = 0.85
"""Share of the bare decoder's speed."""

HEIGHT, WIDTH, NUM_FRAMES = 480, 640, 90
RECIPE = CropRecipe(sampling="centered")
BOX = Box(120, 40, 520, 440)


def draw_video(path: Path, codec: str, seed: int) -> None:
    """A textured square that moves over a textured background, with sensor noise."""
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(40, 200, (HEIGHT // 8, WIDTH // 8, 3)), np.ones((8, 8, 1))).astype(np.int16)
    person = np.kron(rng.integers(0, 255, (20, 10, 3)), np.ones((12, 12, 1))).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(NUM_FRAMES):
            picture = scene + rng.integers(-6, 7, (HEIGHT, WIDTH, 1), dtype=np.int16)
            left = 150 + 2 * number
            picture[120:360, left : left + 120] = person
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


def crop_only(path: Path, samples: Samples) -> None:
    """What the crop stage does with a clip."""
    crop_clip(AvVideo(path, threads=1), {"video": (RECIPE, samples, BOX)})


def seconds(work: Callable[[Path, Samples], None], paths: list[Path], samples: Samples) -> float:
    """All clips, one after the other."""
    start = time.perf_counter()
    for path in paths:
        work(path, samples)
    return time.perf_counter() - start


def main() -> None:
    """Time both in turns; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="paired runs; their median is printed")
    parser.add_argument("--codec", choices=["libx264", "mpeg4"], default="libx264")
    options = parser.parse_args()
    samples = sample(SamplingRule(), NUM_FRAMES)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:02}.mp4" for number in range(options.clips)]
        for number, path in enumerate(paths):
            draw_video(path, options.codec, number)
        pairs = [
            (seconds(decode_only, paths, samples), seconds(crop_only, paths, samples))
            for _ in range(options.rounds)
        ]
    share = median(bare / full for bare, full in pairs)
    bare, full = (median(times) / options.clips * 1000 for times in zip(*pairs, strict=True))
    print(
        f"{options.codec}, {options.clips} clips of {NUM_FRAMES} frames, {WIDTH} x {HEIGHT}: "
        f"decoding {bare:.1f} ms a clip, cropping {full:.1f} ms: {share:.2f} of the decoder's speed, "
        f"target {TARGET}: {'met' if share >= TARGET else 'MISSED'}"
    )
    sys.exit(share < TARGET)


if __name__ == "__main__":
    main()
