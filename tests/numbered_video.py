"""Videos whose every picture spells its own number, so that a shifted frame is seen; and what recorders do to them."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.video.video import AvVideo

HEIGHT, WIDTH, BITS = 48, 64, 8
RATE = 25


def picture(number: int) -> NDArray[np.uint8]:
    """Eight bars over the upper half, bright where the number's bit is 1."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    for bit in range(BITS):
        image[: HEIGHT // 2, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = (
            220 if number >> bit & 1 else 30
        )
    return image


def number_of(shown: NDArray[np.generic]) -> int:
    """The number that a picture spells."""
    bars = np.asarray(shown, float)[: HEIGHT // 2].mean(axis=(0, 2)).reshape(BITS, -1)[:, 2:-2].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if bars[bit] > 125)


def encode(
    path: Path, numbers: Iterable[int], codec: str = "mpeg4", options: dict[str, str] | None = None
) -> Path:
    """A file that shows picture n at n / 25 seconds for each of `numbers`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options={**(options or {})})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path, target: Path, keep: Callable[[int], bool] = lambda _: True, *, shift_frames: int = 0
) -> Path:
    """The packets, in decoding order, that `keep` keeps by their number; none is decoded."""
    with av.open(str(source)) as inside, av.open(str(target), "w") as outside:
        stream = inside.streams.video[0]
        copy = outside.add_stream_from_template(stream)
        for number, packet in enumerate(inside.demux(stream)):
            if packet.dts is None or not keep(number):
                continue
            shift = int(shift_frames / RATE / stream.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copy
            outside.mux(packet)
    return target


def shown(path: Path, wanted: Sequence[int]) -> list[int]:
    """Which picture each wanted frame shows."""
    return [number_of(frame) for _, frame in AvVideo(path).frames(wanted)]


def every(path: Path) -> list[int]:
    """Which picture each frame shows, of as many as `index` counts."""
    return shown(path, range(AvVideo(path).probe().num_frames))
