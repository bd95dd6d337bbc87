"""Videos: frames counted without decoding them; one forward pass that converts only what is wanted."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from pipeline.decoding.container import open_stream
from pipeline.decoding.counting import number_frames
from pipeline.decoding.groups import LostPlaceError
from pipeline.decoding.numbering import Numbering
from pipeline.errors import VideoError
from pipeline.video.planes import Planes, planes_of
from pipeline.video.rgb import RgbConverter

LONG_FRAMES = 1800
"""A minute at 30 frames a second: of a shorter video every picture up to the last wanted one is decoded, so that damage
anywhere in it is seen."""

Picture = TypeVar("Picture")


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Properties of a video, found by reading it, not from its header."""

    num_frames: int
    """Frames that the video shows: see `pipeline.decoding.numbering`."""
    height: int
    """Pixels down, of the first frame as decoded and shown (after the file's rotation)."""
    width: int
    """Pixels across, likewise."""
    fps: float
    """Frames per second; 0 where the file does not say."""
    header_frames: int | None
    """Frames that the header promises; None where it does not say. Kept to compare: headers lie."""
    undecodable_frames: int = 0
    """Frames at the start that have no picture of their own: they show the first that there is."""
    flags: frozenset[str] = frozenset()
    """Names of anomalies, from `pipeline.decoding.numbering.VIDEO_FLAGS`."""

    def __post_init__(self) -> None:
        if min(self.num_frames, self.height, self.width) < 1:
            raise VideoError(f"a video needs at least one frame with at least one pixel, got {self}")


class VideoSource(Protocol):
    """A source of frames: a video file, or anything that can play one forward."""

    def probe(self) -> VideoFacts:
        """Count and measure without decoding more than the first frame. Raises VideoError."""

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """Yield (frame number, frame) for each of `wanted`, which rises strictly, in one forward pass.

        A frame is (H, W, 3) uint8 RGB, or (H, W) uint16 depth in millimetres (0: not measured).
        Raises VideoError where the video cannot be decoded as far as the last wanted frame.
        """

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic] | Planes]]:
        """Yield the frames in the form that crops are made of: their planes, unconverted, where they have them.

        Let go of each before taking the next (`del`): a decoder that needs one more frame's memory works in
        colder memory.
        """


def check_wanted(wanted: Sequence[int]) -> list[int]:
    """`wanted` as plain ints. ValueError (the caller's mistake, not the clip's) unless it rises strictly."""
    numbers = [int(number) for number in wanted]
    if any(late <= early for early, late in zip([-1, *numbers], numbers, strict=False)):
        raise ValueError(f"wanted frame numbers must be 0 or more and rise strictly, got {numbers}")
    return numbers


class AvVideo:
    """A video file, decoded by FFmpeg through PyAV.

    Frames are numbered as they are shown (B-frames are put in order by the decoder; what is odd is told in
    `pipeline.decoding.numbering`) and turned upright as the file says, as players and pose estimators see them. Of a
    long video, pictures that no wanted one is drawn from are not decoded, as far as `pipeline.decoding.groups` knows.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.threads = threads

    @cached_property
    def _numbering(self) -> Numbering:
        """Found once for all passes: that each takes a picture for the same frame is what counts."""
        return number_frames(self.path)

    @property
    def _leaves_out(self) -> bool:
        """Whether to decode no more than wanted frames take."""
        return self._numbering.num_frames >= LONG_FRAMES

    def probe(self) -> VideoFacts:
        """Count the frames and decode the first; a file that ends early is a VideoError."""
        numbering, convert = self._numbering, RgbConverter(self.path.name)
        with open_stream(self.path, threads=self.threads) as (container, stream):
            for number, frame in numbering.pictures(container, stream, self.path.name):
                height, width = convert(frame, number).shape[:2]
                late = {"undecodable_start"} if number and "empty_packets" not in numbering.flags else set()
                return VideoFacts(
                    numbering.num_frames, height, width, numbering.fps, numbering.header_frames,
                    undecodable_frames=number, flags=numbering.flags | late,
                )  # fmt: skip
        raise VideoError(f"{self.path.name}: no frame could be decoded; fetch or encode it again")

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Decode forward to the last wanted frame; the others are decoded, as codecs need, not converted."""
        return self._decoded(wanted, RgbConverter(self.path.name))

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8] | Planes]]:
        """Yield the same as `frames`; planes of upright 4:2:0 video."""
        convert = RgbConverter(self.path.name)

        def picture(frame: VideoFrame, number: int) -> NDArray[np.uint8] | Planes:
            planes = planes_of(frame)
            return convert(frame, number) if planes is None else planes

        return self._decoded(wanted, picture)

    def _decoded(
        self, wanted: Sequence[int], make: Callable[[VideoFrame, int], Picture]
    ) -> Iterator[tuple[int, Picture]]:
        """What is made of each wanted frame's picture, once for all that show it."""
        numbers = check_wanted(wanted)
        if not numbers:
            return
        pending = deque((number, self._numbering.shown(number)) for number in numbers)
        with self._forward(pending[0][1]) as forward:
            forward.wanted = pending[0][1]
            for found, frame in forward:
                if pending[0][1] < forward.first:  # frames before the first picture show it
                    pending = deque((number, max(shown, forward.first)) for number, shown in pending)
                if pending[0][1] > found:
                    continue
                if pending[0][1] < found:
                    break
                made = make(frame, found)
                del frame
                while pending and pending[0][1] == found:
                    yield pending.popleft()[0], made
                del made
                if not pending:
                    return
                forward.wanted = pending[0][1]
            ended = forward.last
        raise VideoError(
            f"{self.path.name}: frame {pending[0][0]} of {self._numbering.num_frames} is wanted and does not decode; "
            f"what was decoded last is frame {ended}: the file is truncated or damaged, fetch it again"
        )

    @contextmanager
    def _forward(self, first: int) -> Iterator["Forward"]:
        """The file's pictures; `first` is the frame of the first that is wanted."""
        with ExitStack() as opened:
            yield self._from_start(first, opened)

    def _from_start(self, first: int, opened: ExitStack) -> "Forward":
        """A file opened anew, to be closed with `opened`."""
        forward = Forward(first)
        forward.pictures = self._pictures(forward, opened)
        return forward

    def _pictures(self, forward: "Forward", opened: ExitStack) -> Iterator[tuple[int, VideoFrame]]:
        """Pictures from the file's start; read without the container's index where that is wrong."""
        numbering = self._numbering
        wanted = (lambda: forward.wanted) if self._leaves_out else (lambda: 0)
        for seek in (True, False):
            container, stream = opened.enter_context(open_stream(self.path, threads=self.threads))
            try:
                yield from numbering.pictures(container, stream, self.path.name, wanted, seek=seek)
            except LostPlaceError:
                opened.close()
            else:
                return


class Forward:
    """Pictures as they come out of a decoder, each with its frame's number; and how far it has come."""

    def __init__(self, wanted: int) -> None:
        self.pictures: Iterator[tuple[int, VideoFrame]] = iter(())
        self.first = -1
        """Frame of the first picture that came out; -1 before."""
        self.last = -1
        """Frame of the last one."""
        self.wanted = wanted
        """Frame that is asked for next."""

    def __iter__(self) -> Iterator[tuple[int, VideoFrame]]:
        return self

    def __next__(self) -> tuple[int, VideoFrame]:
        number, frame = next(self.pictures)
        self.first = number if self.first < 0 else self.first
        self.last = number
        return number, frame
