"""Frame numbers of decoded pictures: by time stamps and by what decodes, not by counting packets.

A frame is what is shown for one tick of an AVI's clock, elsewhere one picture. Where nothing is odd, and
that is seen
without decoding, frame k is picture k. Else:

- An AVI's empty chunk, or a picture that says "not coded", shows the picture before once more: frames 28,
29, 30, 31
  of which 30 is empty are pictures 28, 29, 29, 30.
- Pictures that a recording's start lacks the keyframe for keep their frames: in a file that begins 13
pictures before
  its first keyframe, that is frame 13, and frames 0 to 12 show it too.
- Pictures that share a packet count one each; a packet without a picture counts none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from av.container import InputContainer
from av.error import InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.decoding.groups import Entry, needed_packets
from pipeline.errors import VideoError

VIDEO_FLAGS = (
    "empty_packets",
    "undecodable_start",
    "shared_packets",
    "hidden_frames",
    "uneven_times",
    "interlaced",
    "several_videos",
)
"""Flags of what is unusual about a video:

`empty_packets`: frames without a picture of their own show the one before.
`undecodable_start`: the first frames lack their keyframe, and show the first picture that can be decoded.
`shared_packets`: some packets hold two pictures or none; they were counted by decoding.
`hidden_frames`: an edit list leaves pictures out; they count for nothing.
`uneven_times`: frames are pictures, and do not last equally long.
`interlaced`: a frame shows two moments.
`several_videos`: the file holds more than one, the first is read.
"""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Converts decoded pictures to numbered frames."""

    num_frames: int
    times: tuple[int, ...] | None
    """When each frame is shown, rising: a picture is the frame whose time it bears. None: by `frames`."""
    frames: tuple[int, ...] = ()
    """For each picture that comes out of the decoder after the first `skipped`, its frame; rises."""
    skipped: int = 0
    """Pictures that come out first and are none: they lack what they are drawn from."""
    key_time: int | None = None
    """When the first keyframe is shown; what comes out earlier lacks it. None: see `skipped`."""
    entries: tuple[Entry, ...] = ()
    """Packets at which decoding may begin, where as many frames as packets lie before; none elsewhere."""
    spare: tuple[bool, ...] = ()
    """For each packet of a file with `times`, whether no picture but its own is drawn from it; none: not known."""
    late: bool = False
    """The file begins on no keyframe: errors before the first are no damage."""
    fps: float = 0.0
    """Frames per second; 0 where the file does not say."""
    header_frames: int | None = None
    """Frames that the header promises; None where it does not say."""
    flags: frozenset[str] = frozenset()
    """Names from VIDEO_FLAGS."""

    def shown(self, frame: int) -> int:
        """The frame whose picture `frame` shows: itself, or an earlier one where it has none of its own."""
        if self.times is not None or not self.frames:
            return frame
        return self.frames[max(bisect_right(self.frames, frame) - 1, 0)]

    def pictures(
        self,
        container: InputContainer,
        stream: VideoStream,
        name: str,
        wanted: Callable[[], int] = lambda: 0,
        *,
        seek: bool = False,
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Decode forward: each picture that can be trusted, with its frame's number; these rise strictly.

        Let go of each before taking the next. VideoError for one that the decoder marks as corrupt, since what follows
        is drawn from it, and where the picture's size changes; `name` is the video's. Frames before `wanted()`, asked
        anew at each packet, are left out where decoding may begin after them, or where nothing is drawn from them.
        `seek`: jump there by the container's index; LostPlaceError where it is wrong.
        """
        count, last, size = 0, -1, (0, 0)
        for packet, place, anew in needed_packets(container, stream, self.entries, wanted, seek=seek):
            count = place if anew else count
            if self._is_spare(packet, place, wanted):
                continue
            decoded = decode(packet, forgiving=self.late and last < 0)
            while decoded:
                frame = decoded.pop(0)
                count += 1
                number = self._number(count - 1 - self.skipped, frame.pts, last)
                if number is None:
                    continue
                _refuse_corrupt(frame, number, name)
                size = _same_size(frame, size, number, name)
                last = number
                yield number, frame
                del frame

    def _is_spare(self, packet: "Packet[VideoStream]", place: int, wanted: Callable[[], int]) -> bool:
        """Whether nobody wants a packet's frame, and no other is drawn from it."""
        if not self.spare or self.times is None or not packet.size or packet.pts is None:
            return False
        return self.spare[place] and bisect_left(self.times, packet.pts) < wanted()

    def _number(self, place: int, time: int | None, last: int) -> int | None:
        """The frame of the picture at `place`; None before the first that can be trusted."""
        if self.times is None:
            return None if place < 0 else self.frames[place] if place < len(self.frames) else last + 1
        if time is None:
            return last + 1
        if self.key_time is not None and time < self.key_time:
            return None
        return max(bisect_left(self.times, time), last + 1)


def decode(packet: "Packet[VideoStream]", *, forgiving: bool) -> list[VideoFrame]:
    """The pictures that come out for a packet; none for one without data, which would end the decoding."""
    if packet.size == 0 and packet.dts is not None:
        return []
    try:
        return packet.decode()
    except InvalidDataError:
        if forgiving:
            return []
        raise


def _refuse_corrupt(frame: VideoFrame, number: int, name: str) -> None:
    if frame.is_corrupt:
        raise VideoError(
            f"{name}: frame {number}: the decoder marks it as corrupt; fetch or encode the file again"
        )


def _same_size(frame: VideoFrame, before: tuple[int, int], number: int, name: str) -> tuple[int, int]:
    size = frame.width, frame.height
    if before not in ((0, 0), size):
        raise VideoError(
            f"{name}: frame {number} is {size[0]} x {size[1]} pixels, those before {before[0]} x {before[1]}: "
            "encode it at one size"
        )
    return size
