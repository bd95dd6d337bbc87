"""Reading of packets' own bytes, without decoding: whether decoding may begin there, and who is drawn from it.

H.264: ITU-T H.264, 7.3.1 and table 7-1; HEVC: ITU-T H.265, 7.3.1.2 and table 7-1; VP8: RFC 6386, 9.1; VP9: the
bitstream specification's uncompressed header (6.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

ALONE = frozenset(("dnxhd", "dvvideo", "ffvhuff", "huffyuv", "mjpeg", "png", "prores", "rawvideo", "utvideo"))
"""Codecs, as FFmpeg names them, whose every picture is coded by itself."""

CONFIGURED = 1
"""The first byte of extradata that say how H.264's and HEVC's units are told apart: by lengths, not by start codes."""
START_CODE = b"\0\0\1"
H264_IDR, H264_SLICES, H264_SETS = 5, range(1, 6), (7, 8, 13, 15)
HEVC_IDR, HEVC_SLICES, HEVC_SETS = (19, 20), range(32), (32, 33, 34)


@dataclass(frozen=True, slots=True)
class Coded:
    """Facts read off one packet."""

    anew: bool = False
    """Neither its picture nor any after it, in the order of decoding, is drawn from what lies before."""
    spare: bool = False
    """No other picture is drawn from this one."""
    sets: bytes = field(default=b"", repr=False)
    """Parameter sets that it brings along, joined: what follows is read by them."""


UNKNOWN = Coded()
BY_ITSELF = Coded(anew=True)


def read_coded(codec: str, extradata: bytes | None, data: bytes) -> Coded:
    """Read packet `data` of a stream in `codec`; UNKNOWN of codecs, and of bytes, that are not understood."""
    if codec in ALONE:
        return BY_ITSELF
    if codec == "vp8":
        return Coded(anew=bool(data) and not data[0] & 1)
    if codec == "vp9":
        return Coded(anew=bool(data) and _is_vp9_key(data[0]))
    if codec == "h264":
        return _h264(_units(data, _length_bytes(extradata, 4)))
    if codec == "hevc":
        return _hevc(_units(data, _length_bytes(extradata, 21)))
    return UNKNOWN


def _is_vp9_key(first: int) -> bool:
    """Frame marker 2, two bits of profile (below 3), not an existing frame shown again, and type 0."""
    return first >> 6 == 2 and first >> 4 & 3 != 3 and not first >> 2 & 3


def _length_bytes(extradata: bytes | None, at: int) -> int:
    """Bytes of each unit's length, as two bits of the extradata's byte `at` say; 0 where start codes part the units."""
    if not extradata or extradata[0] != CONFIGURED or len(extradata) <= at:
        return 0
    return (extradata[at] & 3) + 1


def _units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Each unit's bytes, from its header on."""
    if length_bytes:
        at = length_bytes
        while at < len(data):
            end = at + int.from_bytes(data[at - length_bytes : at], "big")
            yield data[at:end]
            at = end + length_bytes
        return
    start = data.find(START_CODE)
    while 0 <= start < len(data) - len(START_CODE):
        following = data.find(START_CODE, start + len(START_CODE))
        yield data[start + len(START_CODE) : following if following > 0 else len(data)].rstrip(b"\0")
        start = following


def _h264(units: Iterator[bytes]) -> Coded:
    sets: list[bytes] = []
    for unit in units:
        kind = unit[0] & 31 if unit else 0
        if kind in H264_SETS:
            sets.append(unit)
        if kind in H264_SLICES:
            return Coded(kind == H264_IDR, not unit[0] >> 5 & 3, b"".join(sets))
    return Coded(sets=b"".join(sets))


def _hevc(units: Iterator[bytes]) -> Coded:
    sets: list[bytes] = []
    for unit in units:
        kind = unit[0] >> 1 & 63 if unit else -1
        if kind in HEVC_SETS:
            sets.append(unit)
        if kind in HEVC_SLICES:
            return Coded(kind in HEVC_IDR, sets=b"".join(sets))
    return Coded(sets=b"".join(sets))
