"""Groups of pictures: where decoding may begin, which packets are needed for a wanted frame, and how to get there."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.decoding.bitstream import ALONE
from pipeline.decoding.packets import PacketFacts

DRAWN_FROM_THE_LAST = frozenset(("mpeg4", "msmpeg4v2", "msmpeg4v3"))
"""Codecs whose pictures are drawn from the one before at most, but for MPEG-4's B-pictures: a keyframe owes nothing to
what lies before it, nor does anything after it."""

PLAIN_PIXELS = frozenset(("yuv420p", "yuvj420p"))
"""Pixel formats of H.264 that FFmpeg decodes alike whoever encoded them; the others' first packet names the encoder."""

INDEXED = frozenset(("avi", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"))
"""Containers, as FFmpeg names them, with an index of their keyframes."""
FAR = 100
"""Packets; to read over fewer costs less than to look for the place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A packet at which decoding may begin, and goes on as if it had begun before."""

    place: int
    """Packets before it: frames, too, that are shown before those from here on."""
    shown_at: int | None
    """Presentation time, in the stream's time base."""
    decoded_at: int | None
    """Decoding time, likewise."""

    def is_at(self, packet: "Packet[VideoStream]") -> bool:
        """Whether it is this packet."""
        stamps = (packet.dts, self.decoded_at) if self.shown_at is None else (packet.pts, self.shown_at)
        return packet.is_keyframe and stamps[0] is not None and stamps[0] == stamps[1]


class LostPlaceError(Exception):
    """A file's index did not lead to the packet that it should: read it from the start, without it."""


def find_entries(stream: VideoStream, packets: Sequence[PacketFacts]) -> tuple[Entry, ...]:
    """Return the entries among all `packets` of a stream, the first of all included; none where in doubt."""
    codec = stream.codec_context.codec.canonical_name
    if not packets or any(packet.hidden or packet.from_later for packet in packets):
        return ()
    if codec == "h264" and stream.codec_context.pix_fmt not in PLAIN_PIXELS:
        return ()
    from_last = codec in DRAWN_FROM_THE_LAST
    anew = [packet.key and (from_last or packet.coded.anew) for packet in packets]
    if not anew[0] or not _same_sets(packets, anew):
        return ()
    apart = _apart(packets, in_file_order=from_last or codec in ALONE)
    return tuple(
        Entry(place, packet.shown_at, packet.decoded_at)
        for place, packet in enumerate(packets)
        if anew[place] and apart[place]
    )


def _same_sets(packets: Sequence[PacketFacts], anew: Sequence[bool]) -> bool:
    """Whether parameter sets never change, and each entry brings them along where they lie in packets at all."""
    sets = packets[0].coded.sets
    return all(
        packet.coded.sets in ((sets,) if begins else (sets, b""))
        for packet, begins in zip(packets, anew, strict=True)
    )


def _apart(packets: Sequence[PacketFacts], *, in_file_order: bool) -> list[bool]:
    """For each packet whether all before it are shown before all from it on."""
    times = [packet.shown_at for packet in packets]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return [in_file_order] * len(times)
    apart, earliest = [False] * len(known), known[-1]
    latest_before = [known[0] - 1]
    for time in known[:-1]:
        latest_before.append(max(latest_before[-1], time))
    for place in reversed(range(len(known))):
        earliest = min(earliest, known[place])
        apart[place] = latest_before[place] < earliest
    return apart


def needed_packets(
    container: InputContainer,
    stream: VideoStream,
    entries: Sequence[Entry],
    wanted: Callable[[], int],
    *,
    seek: bool,
) -> Iterator[tuple["Packet[VideoStream]", int, bool]]:
    """Packets from the file's start but for those left out, each with its place, and whether a decoder begins anew.

    Left out are those before the last entry that the frame `wanted()` needs, asked anew at each packet. `seek`: jump
    over many at once by the container's index. LostPlaceError where that led elsewhere.
    """
    seek = seek and container.format.name in INDEXED
    place, left_out = -1, False
    for found in container.demux(stream):
        packet = found
        place += packet.size > 0
        entry = _entry(entries, wanted())
        if packet.size and entry is not None and place < entry.place:
            left_out = True
            if not seek or entry.place - place < FAR:
                continue
            packet, place = _jump(container, stream, entry), entry.place
        if left_out:
            stream.codec_context.flush_buffers()
        yield packet, place, left_out
        left_out = False


def _entry(entries: Sequence[Entry], wanted: int) -> Entry | None:
    """The last at which decoding may begin for frame `wanted`."""
    number = bisect_right(entries, wanted, key=lambda entry: entry.place)
    return entries[number - 1] if number else None


def _jump(container: InputContainer, stream: VideoStream, entry: Entry) -> "Packet[VideoStream]":
    """The entry's packet; what is read next follows it."""
    stamps = [stamp for stamp in (entry.shown_at, entry.decoded_at) if stamp is not None]
    if stamps:
        container.seek(min(stamps), stream=stream)
        for count, packet in enumerate(container.demux(stream)):
            if entry.is_at(packet):
                return packet
            if packet.size == 0 or count > entry.place:
                break
    raise LostPlaceError
