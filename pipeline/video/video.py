"""Videos: frames counted by packets; one forward pass that converts only what is wanted."""

import errno
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.versions import major_minor
from pipeline.video.planes import Planes, planes_of
from pipeline.video.rgb import RgbConverter

Picture = TypeVar("Picture")

HEADER_SLACK_FRAMES = 1
"""Headers of whole files promise up to this many frames more than there are packets."""

RIFF_HEAD_BYTES = 8
"""Before what an AVI's size counts; writers that count them too are believed."""

RIFF_UNKNOWN = 0x7FFF_FFFF
"""Sizes from here on say that the writer did not know it."""

MACHINE_ERRNOS = frozenset(
    (errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR)
)
"""The machine refuses, it is not the file's bytes that decide: passed on, never recorded as a bad clip."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video holds, found by reading it, not by believing its header."""

    num_frames: int
    """Packets that the container holds: one a frame."""
    height: int
    """Pixels down, of the first frame as decoded and shown (after the file's rotation)."""
    width: int
    """Pixels across, likewise."""
    fps: float
    """Frames per second; 0 where the file does not say."""
    header_frames: int | None
    """Frames that the header promises; None where it does not say. Kept to compare: headers lie."""

    def __post_init__(self) -> None:
        if min(self.num_frames, self.height, self.width) < 1:
            raise VideoError(f"a video needs at least one frame with at least one pixel, got {self}")


class VideoSource(Protocol):
    """Where frames come from: a video file, or anything that can play one forward."""

    @property
    def decoder(self) -> str:
        """Name and major.minor of what decodes, such as "pyav 18.1": part of the key of all pixels."""

    def probe(self) -> VideoFacts:
        """Count and measure without decoding more than the first frame. Raises VideoError."""

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """Yield (frame number, frame) for each of `wanted`, which rises strictly, in one forward pass.

        A frame is (H, W, 3) uint8 RGB, or (H, W) uint16 depth in millimetres (0: not measured).
        Raises VideoError where the video cannot be decoded as far as the last wanted frame.
        """

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic] | Planes]]:
        """As `frames`, of what crops are made of: a frame's planes, unconverted, where it has them.

        Let go of each before taking the next (`del`): a decoder that needs one more frame's memory works in
        colder memory.
        """


def check_wanted(wanted: Sequence[int]) -> list[int]:
    """`wanted` as plain ints. ValueError (the caller's mistake, not the clip's) unless it rises strictly."""
    numbers = [int(number) for number in wanted]
    if any(late <= early for early, late in zip([-1, *numbers], numbers, strict=False)):
        raise ValueError(f"wanted frame numbers must be 0 or more and rise strictly, got {numbers}")
    return numbers


@contextmanager
def open_stream(path: Path, *, threads: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Container and first video stream; what FFmpeg finds wrong is a VideoError that names the file."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path.name}: holds no video stream; name a video file")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise VideoError(
                    f"{path.name}: no decoder for its video; its header is damaged, or FFmpeg lacks the codec: "
                    "fetch or encode it again"
                )
            stream.codec_context.thread_count = threads
            yield container, stream
    except FileNotFoundError as error:
        raise VideoError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    except FFmpegError as error:
        if error.errno in MACHINE_ERRNOS:
            raise
        raise VideoError(f"{path.name}: cannot be decoded ({error.strerror}); fetch it again") from error


class AvVideo:
    """A video file, decoded by FFmpeg through PyAV.

    Frames are numbered in the order they are shown (B-frames are put in order by the decoder) and turned
    upright by the file's rotation, as players and pose estimators see them.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.threads = threads

    @property
    def decoder(self) -> str:
        """PyAV, which brings FFmpeg with it."""
        return f"pyav {major_minor('av')}"

    def probe(self) -> VideoFacts:
        """Count the packets and decode the first frame; a file that ends early is a VideoError."""
        with open_stream(self.path, threads=self.threads) as (container, stream):
            packets, shown = self._count_packets(container, stream)
            header_frames, rate = stream.frames or None, stream.average_rate
        if header_frames is not None and header_frames > packets + HEADER_SLACK_FRAMES:
            raise VideoError(
                f"{self.path.name}: truncated: its header promises {header_frames} frames, it has {packets}; "
                "fetch it again"
            )
        self._refuse_short_avi()
        height, width = self._first_frame_size()
        return VideoFacts(shown, height, width, float(rate) if rate else 0.0, header_frames)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Decode forward to the last wanted frame; the others are decoded, as codecs need, not converted."""
        return self._decoded(wanted, RgbConverter(self.path.name))

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8] | Planes]]:
        """As `frames`; planes of upright 4:2:0 video."""
        convert = RgbConverter(self.path.name)

        def picture(frame: VideoFrame, number: int) -> NDArray[np.uint8] | Planes:
            planes = planes_of(frame)
            return convert(frame, number) if planes is None else planes

        return self._decoded(wanted, picture)

    def _decoded(
        self, wanted: Sequence[int], make: Callable[[VideoFrame, int], Picture]
    ) -> Iterator[tuple[int, Picture]]:
        """What is made of each wanted frame. One that the decoder marks as corrupt is refused, wanted or not:
        what follows is drawn from it."""
        numbers = check_wanted(wanted)
        if not numbers:
            return
        pending = iter(numbers)
        number = next(pending)
        with open_stream(self.path, threads=self.threads) as (container, stream):
            decoded, index = container.decode(stream), -1
            while (frame := next(decoded, None)) is not None:
                index += 1
                if frame.is_corrupt:
                    raise VideoError(
                        f"{self.path.name}: frame {index}: the decoder marks it as corrupt; "
                        "fetch or encode the file again"
                    )
                if index < number:
                    continue
                made = make(frame, index)
                del frame
                yield index, made
                del made
                following = next(pending, None)
                if following is None:
                    return
                number = following
        raise VideoError(
            f"{self.path.name}: decoding ended after {index + 1} frames, frame {number} is wanted; "
            "the file is truncated or its packets are damaged: fetch it again"
        )

    def _first_frame_size(self) -> tuple[int, int]:
        """(height, width) of the first frame, upright."""
        for _, frame in self.frames((0,)):
            return int(frame.shape[0]), int(frame.shape[1])
        raise VideoError(f"{self.path.name}: no frame could be decoded")

    def _count_packets(self, container: InputContainer, stream: VideoStream) -> tuple[int, int]:
        """Packets that hold data, and those of them that are shown (an edit list may discard some)."""
        packets = shown = 0
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise VideoError(
                    f"{self.path.name}: frame {packets} is there in part: truncated or damaged; fetch it again"
                )
            if packet.size > 0:
                packets += 1
                shown += not packet.is_discard
        return packets, shown

    def _refuse_short_avi(self) -> None:
        """An AVI says its own length; losing only the last frame and the index is seen nowhere else."""
        with self.path.open("rb") as file:
            head, size, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        promised, found = size + RIFF_HEAD_BYTES, self.path.stat().st_size
        if (head, kind) == (b"RIFF", b"AVI ") and found + RIFF_HEAD_BYTES < promised < RIFF_UNKNOWN:
            raise VideoError(
                f"{self.path.name}: truncated: its header promises {promised} bytes, it has {found}; fetch it again"
            )
