"""A clip late in a long recording, against the decoding of its own groups of pictures.

    python bench/far_frames.py

Draws half a minute of H.264, 640 x 480, with a keyframe at least every 250 pictures, again and again to ten
minutes, and takes 16 frames of a clip of 100 in its last tenth. The yardstick opens the file, seeks to the keyframe
before the clip and decodes to the clip's last frame. Both run on one thread and are timed in CPU seconds, in turns.
Finding out which frame is which picture takes one reading of the file's packets, once for all clips of a recording:
it is printed beside, as is the same clip where the file is decoded from its start.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crop import SIZES, draw_video, seconds
from pipeline.decoding.container import open_stream
from pipeline.decoding.counting import number_frames
from pipeline.video.recording import Excerpt, Recording
from pipeline.video.video import AvVideo

TARGET = 1.2
"""Times the cost of its own groups of pictures."""

FPS = 30
DRAWN = 30 * FPS
LENGTH = 100
WANTED = np.linspace(0, LENGTH - 1, 16).astype(int).tolist()


def draw_long(path: Path, times: int) -> None:
    """Draw once, and repeat the packets."""
    once = path.with_stem("once")
    draw_video(once, "libx264", SIZES["640x480"], 0, num_frames=DRAWN)
    with av.open(str(once)) as inside, av.open(str(path), "w") as outside:
        stream = inside.streams.video[0]
        copy = outside.add_stream_from_template(stream)
        packets = [packet for packet in inside.demux(stream) if packet.size]
        assert stream.time_base is not None
        whole = int(DRAWN / FPS / stream.time_base)
        for turn in range(times):
            for packet in packets:
                assert packet.pts is not None
                assert packet.dts is not None
                again = av.Packet(bytes(packet))
                again.pts, again.dts = packet.pts + turn * whole, packet.dts + turn * whole
                again.time_base, again.stream, again.is_keyframe = stream.time_base, copy, packet.is_keyframe
                outside.mux(again)


def decode_groups(path: Path, start: int) -> None:
    """Decode the groups of pictures that hold the clip, up to its last frame."""
    with open_stream(path, threads=1) as (container, stream):
        assert stream.time_base is not None
        first, last = (int(frame / FPS / stream.time_base) for frame in (start, start + WANTED[-1]))
        container.seek(first, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts >= last:
                return


def read_clip(source: AvVideo, start: int) -> None:
    """Read the clip's wanted frames as crops are made of them."""
    for _ in Excerpt("clip", source, start=start, end=start + LENGTH).pictures(WANTED):
        pass


def main() -> None:
    """Time both in turns; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of runs; their median is printed")
    options = parser.parse_args()
    frames = options.minutes * 60 * FPS
    start = frames * 19 // 20
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mp4"
        draw_long(path, frames // DRAWN)
        recording = Recording(path)
        numbering = seconds(recording.probe)
        pairs = []
        for _ in range(options.rounds):
            bare = seconds(lambda: decode_groups(path, start))
            read_clip(recording, 0)  # so that the file stands far before the clip
            pairs.append((bare, seconds(lambda: read_clip(recording, start))))
        plain = seconds(lambda: number_frames(path))
        forward = seconds(lambda: read_clip(AvVideo(path), start))
    bare, full = (median(times) for times in zip(*pairs, strict=True))
    cost = median(of_clip / of_groups for of_groups, of_clip in pairs)
    print(
        f"frame {start} of {frames}: its groups {bare * 1e3:.0f} ms, the clip {full * 1e3:.0f} ms: {cost:.2f} times, "
        f"target {TARGET}: {'met' if cost <= TARGET else 'MISSED'}; decoded from the start {forward * 1e3:.0f} ms; "
        f"numbering the recording {numbering * 1e3:.0f} ms, without groups {plain * 1e3:.0f} ms"
    )
    sys.exit(cost > TARGET)


if __name__ == "__main__":
    main()
