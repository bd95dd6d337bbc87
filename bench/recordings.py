"""Cropping 20 clips out of one recording, against one pass of the decoder over it.

    python bench/recordings.py

Draws a recording of 20 clips, 80 of each 96 frames labelled (PKU-MMD's are such), and crops 16 frames of each to
112 x 112: the box of a person, as `pku_mmd` has it, or with `--box whole` whole frames. The yardstick decodes the
recording to its end and drops the frames. Both run on one thread and are timed in CPU seconds, in turns. What is
printed last is the same with each clip opened by itself.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crop import RECIPE, SIZES, draw_video, seconds
from pipeline.decoding.container import open_stream
from pipeline.values import Box
from pipeline.video.crop import crop_clip
from pipeline.video.recording import Excerpt, Recording
from pipeline.video.sampling import SamplingRule, sample
from pipeline.video.video import AvVideo

TARGET = 1.15
"""Passes that all clips of a recording may cost together."""

NUM_CLIPS = 20
EACH, LABELLED = 96, 80


def decode_whole(path: Path) -> None:
    """Decode to the end."""
    with open_stream(path, threads=1) as (container, stream):
        for _ in container.decode(stream):
            pass


def crop_clips(path: Path, box: Box, *, together: bool) -> None:
    """Crop every clip; `together` keeps the recording open between them, as `crop` does."""
    recording = Recording(path)
    samples = sample(SamplingRule(), LABELLED)
    for number in range(NUM_CLIPS):
        source = recording if together else AvVideo(path)
        clip = Excerpt(str(number), source, start=number * EACH, end=number * EACH + LABELLED)
        crop_clip(clip, {"r16": (RECIPE, samples, box)})


def main() -> None:
    """Time both in turns; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs; their median is printed")
    parser.add_argument("--codec", choices=["libx264", "mpeg4"], default="mpeg4")
    parser.add_argument("--size", choices=["640x480", "1920x1080"], default="1920x1080")
    parser.add_argument("--box", choices=["person", "whole"], default="person")
    options = parser.parse_args()
    size = SIZES[options.size]
    box = size.box if options.box == "person" else Box(0, 0, size.width, size.height)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mp4"
        draw_video(path, options.codec, size, 0, num_frames=NUM_CLIPS * EACH)
        pairs = [
            (seconds(lambda: decode_whole(path)), seconds(lambda: crop_clips(path, box, together=True)))
            for _ in range(options.rounds)
        ]
        alone = seconds(lambda: crop_clips(path, box, together=False))
    bare, full = (median(times) for times in zip(*pairs, strict=True))
    cost = median(of_all / of_one for of_one, of_all in pairs)
    print(
        f"{options.codec} {options.size}, {options.box} box, {NUM_CLIPS} clips of {NUM_CLIPS * EACH} frames: "
        f"one pass {bare:.2f} s, all clips {full:.2f} s: {cost:.2f} passes, target {TARGET}: "
        f"{'met' if cost <= TARGET else 'MISSED'}; each opened alone {alone / bare:.1f} passes"
    )
    sys.exit(cost > TARGET)


if __name__ == "__main__":
    main()
