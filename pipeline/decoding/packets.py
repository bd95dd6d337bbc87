"""A video's packets, read without decoding: what stamps they bear, and whether each must hold one picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.decoding.bitstream import Coded, read_coded
from pipeline.errors import VideoError

ONE_PICTURE_A_PACKET = frozenset(
    (
        *("av1", "dnxhd", "dvvideo", "ffv1", "ffvhuff", "flv1", "gif", "h263", "h264", "hevc", "huffyuv"),
        *(
            "mjpeg",
            "mpeg1video",
            "mpeg2video",
            "mpeg4",
            "msmpeg4v1",
            "msmpeg4v2",
            "msmpeg4v3",
            "png",
            "prores",
            "rawvideo",
        ),
        *("theora", "utvideo", "vc1", "vp8", "vp9", "wmv1", "wmv2", "wmv3"),
    )
)
"""Codecs, as FFmpeg names them, of which a packet is known to hold one picture, or shows that it does not."""

INTERLACED = frozenset((2, 3, 4, 5))
"""FFmpeg's field orders of interlaced video, where each of a picture's fields may have a packet."""

VOP = b"\0\0\1\xb6"
"""MPEG-4 part 2 begins a picture so. DivX packs two into one packet, and sends one that says "not coded" after it."""
B_PICTURE = 2
"""Its first two bits then, of a picture that is drawn from a later one too."""
NOT_CODED_BYTES = 19
"""A "not coded" picture is no longer than this (FFmpeg's MAX_NVOP_SIZE)."""


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """Properties of one packet that holds data."""

    shown_at: int | None
    """Presentation time, in the stream's time base."""
    decoded_at: int | None
    """Decoding time, likewise: in an AVI the number of its chunk, from the stream's start."""
    key: bool
    """Decoding can begin here."""
    hidden: bool
    """An edit list leaves it out: it is decoded and not shown."""
    doubtful: bool
    """It may hold no picture of its own, or two: only decoding tells."""
    filler: bool
    """It holds nothing at all, not even a repetition."""
    from_later: bool
    """It is known to be drawn from a later picture too."""
    coded: Coded
    """Facts of who is drawn from whom."""


def read_packets(container: InputContainer, stream: VideoStream, name: str) -> tuple[PacketFacts, ...]:
    """Every packet that holds data, in file order. VideoError for one that is there in part.

    `name` is the video's, for messages. Damage before the first keyframe is no news: nothing is decoded there.
    """
    codec = stream.codec_context.codec.canonical_name
    extradata = stream.codec_context.extradata
    found: list[PacketFacts] = []
    decodable = False
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        decodable |= packet.is_keyframe
        if packet.is_corrupt and decodable:
            raise VideoError(
                f"{name}: frame {len(found)} is there in part: truncated or damaged; fetch it again"
            )
        found.append(
            PacketFacts(
                packet.pts,
                packet.dts,
                packet.is_keyframe,
                packet.is_discard,
                *_content(codec, packet),
                read_coded(codec, extradata, bytes(packet)),
            )
        )
    return tuple(found)


def _content(codec: str, packet: "Packet[VideoStream]") -> tuple[bool, bool, bool]:
    """(doubtful, filler, from_later)."""
    if codec == "mpeg4":
        before, _, picture = bytes(packet).partition(VOP)
        filler = len(before) == packet.size
        doubtful = filler or VOP in picture or packet.size <= NOT_CODED_BYTES
        return doubtful, filler, bool(picture) and picture[0] >> 6 == B_PICTURE
    if (
        codec == "vp8"
    ):  # bit 4 of a packet says whether it is shown; a hidden one serves others (RFC 6386, 9.1)
        return not bytes(memoryview(packet)[:1])[0] & 0x10, False, False
    return False, False, False


def must_decode(stream: VideoStream, packets: Sequence[PacketFacts]) -> bool:
    """Whether only decoding tells how many pictures there are."""
    context = stream.codec_context
    return (
        context.codec.canonical_name not in ONE_PICTURE_A_PACKET
        or context.field_order in INTERLACED
        or any(packet.doubtful for packet in packets)
    )
