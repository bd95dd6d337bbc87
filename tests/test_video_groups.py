"""Groups of pictures: what is left out of a recording between wanted frames, in every codec; nothing shows it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numbered_video import encode, number_of
from numpy.typing import NDArray

from pipeline.decoding import groups
from pipeline.decoding.bitstream import UNKNOWN, Coded, read_coded
from pipeline.decoding.container import open_stream
from pipeline.decoding.counting import number_frames
from pipeline.decoding.numbering import Numbering
from pipeline.video import video
from pipeline.video.recording import Recording
from pipeline.video.rgb import RgbConverter
from pipeline.video.video import AvVideo

FRAMES = 60

X264 = {"g": "15", "preset": "veryfast", "sc_threshold": "0"}
CODECS: dict[str, dict[str, str]] = {
    "mpeg4": {}, "mpeg4, B-pictures": {"bf": "2"}, "msmpeg4": {}, "msmpeg4v2": {},
    "libx264": {}, "libx264, long": {"g": "50"}, "libx264, groups": X264, "libx264, no B-pictures": X264 | {"bf": "0"},
    "libx264, open groups": X264 | {"x264-params": "open-gop=1"}, "libx264, two slices": X264 | {"slices": "2"},
    "libx264, repeated headers": X264 | {"x264-params": "repeat-headers=1"},
    "libx264, intra refresh": X264 | {"intra-refresh": "1"},
    "libx265": {"x265-params": "keyint=15:open-gop=0:log-level=none"},
    "libx265, open groups": {"x265-params": "keyint=15:open-gop=1:log-level=none"},
    "libvpx": {"g": "15"}, "libvpx-vp9": {"g": "15", "cpu-used": "8", "deadline": "realtime"},
    "mjpeg": {"strict": "unofficial"}, "ffv1": {}, "mpeg2video": {"g": "15"}, "mpeg1video": {"g": "15"},
}  # fmt: skip
ONLY_IN_AVI, NOT_IN_MP4, NOT_IN_AVI = ("msmpeg4", "msmpeg4v2"), ("libvpx", "ffv1"), ("libx265",)
CASES = [
    (coded, suffix)
    for coded in sorted(CODECS)
    for suffix in (".avi", ".mkv", ".mp4", ".ts")
    if suffix == ".avi" or coded not in ONLY_IN_AVI
    if suffix != ".avi" or not coded.startswith(NOT_IN_AVI)
    if suffix != ".mp4" or coded not in NOT_IN_MP4
    if suffix != ".ts" or coded.startswith(("libx264", "mpeg2"))
]


def forward(path: Path) -> dict[int, NDArray[np.uint8]]:
    """Every frame, nothing left out."""
    convert = RgbConverter(path.name)
    with open_stream(path) as (container, stream):
        pictures = number_frames(path).pictures(container, stream, path.name)
        return {number: convert(frame, number).copy() for number, frame in pictures}


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Places of all packets that reach a decoder."""
    seen: list[int] = []

    def counted(*args: object, **options: object) -> Iterator[object]:
        for packet, place, anew in groups.needed_packets(*args, **options):  # type: ignore[arg-type]
            seen.append(place) if packet.size else None
            yield packet, place, anew

    monkeypatch.setattr("pipeline.decoding.numbering.needed_packets", counted)
    return seen


@pytest.mark.parametrize(("coded", "suffix"), CASES)
def test_parts_show_what_the_whole_file_shows(
    tmp_path: Path, coded: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is left out or jumped over between pictures, each is that of its frame, to the last bit."""
    path = encode(tmp_path / f"a{suffix}", range(FRAMES), coded.partition(",")[0], CODECS[coded])
    whole = forward(path)
    monkeypatch.setattr(video, "LONG_FRAMES", FRAMES)
    for far, recording in ((2, Recording(path)), (100, Recording(path)), (2, AvVideo(path))):
        monkeypatch.setattr(groups, "FAR", far)
        for first in (3, 5, 17, 23, 24, 40, 59, 12, 13, 50, 7):
            wanted = [number for number in (first, first + 1, first + 6, first + 19) if number < FRAMES]
            found = dict(recording.frames(wanted))
            assert sorted(found) == wanted
            for number, frame in found.items():
                np.testing.assert_array_equal(frame, whole[number], err_msg=f"frame {number}, far {far}")


@pytest.mark.parametrize(
    ("coded", "suffix", "expected"),
    [
        ("mpeg4", ".avi", [48, 49]),
        ("mpeg4, B-pictures", ".avi", [0]),
        ("libx264, no B-pictures", ".mp4", [45, 46, 47, 48, 49]),
        ("libx264, no B-pictures", ".mkv", [45, 46, 47, 48, 49]),
        ("libx264, repeated headers", ".mkv", [45]),
        ("libx265", ".mp4", [45]),
        ("libvpx-vp9", ".mkv", [45, 46, 47, 48, 49]),
        ("libvpx", ".mkv", [48, 49]),
        ("mjpeg", ".avi", [49]),
        ("mpeg2video", ".mkv", [0]),
        ("libx264, open groups", ".mp4", [0]),
    ],
)
def test_decoding_begins_at_the_wanted_frame_s_group(
    tmp_path: Path, coded: str, suffix: str, expected: list[int], fed: list[int]
) -> None:
    """Frame 49 is wanted; groups begin at 45 or where the encoder liked; one place given: the first fed."""
    path = encode(tmp_path / f"a{suffix}", range(FRAMES), coded.partition(",")[0], CODECS[coded])
    assert [number_of(frame) for _, frame in Recording(path).frames([49])] == [49]
    assert (fed if len(expected) > 1 else fed[:1]) == expected


def test_an_index_that_leads_elsewhere_costs_a_pass_and_no_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fed: list[int]
) -> None:
    """The entry's stamps say one thing, the packet that the index leads to another: the file is read from its start."""
    path = encode(tmp_path / "a.mp4", range(FRAMES), "libx264", CODECS["libx264, no B-pictures"])
    monkeypatch.setattr(groups, "FAR", 2)
    asked: list[int] = []

    def elsewhere(self: groups.Entry, _: object) -> bool:
        asked.append(self.place)
        return False

    monkeypatch.setattr(groups.Entry, "is_at", elsewhere)
    assert [number_of(frame) for _, frame in Recording(path).frames([49])] == [49]
    assert set(asked) == {45}
    assert fed == [45, 46, 47, 48, 49]


def test_pictures_that_nothing_is_drawn_from_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x264 without pyramids: of four pictures three serve no other; frames 20 and 50 are wanted."""
    options = X264 | {"g": "60", "bf": "3", "b_strategy": "0", "x264-params": "b-pyramid=none"}
    path = encode(tmp_path / "a.mp4", range(FRAMES), "libx264", options)
    whole = forward(path)
    came: list[int] = []
    pictures = Numbering.pictures

    def counted(self: Numbering, *args: object, **options: object) -> Iterator[object]:
        for number, frame in pictures(self, *args, **options):  # type: ignore[arg-type]
            came.append(number)
            yield number, frame
            del frame

    monkeypatch.setattr(Numbering, "pictures", counted)
    found = dict(Recording(path).frames([20, 50]))
    for number, frame in found.items():
        np.testing.assert_array_equal(frame, whole[number])
    unwanted = [number for number in came if number < 48 and number not in (20, 21, 22, 23)]
    assert unwanted == [0, 4, 8, 12, 16, *range(24, 48, 4)]


def test_of_a_short_video_all_is_decoded_and_of_a_long_one_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fed: list[int]
) -> None:
    path = encode(tmp_path / "a.mp4", range(FRAMES), "libx264", CODECS["libx264, no B-pictures"])
    for long, expected in ((FRAMES + 1, [*range(50)]), (FRAMES, [*range(2), *range(45, 50)])):
        monkeypatch.setattr(video, "LONG_FRAMES", long)
        monkeypatch.setattr(groups, "FAR", 2)
        assert [number_of(frame) for _, frame in AvVideo(path).frames([1, 49])] == [1, 49]
        assert fed == expected
        fed.clear()


H264, HEVC = b"\1\x64\0\x1f\xff", b"\1" + bytes(20) + b"\xf3"


@pytest.mark.parametrize(
    ("codec", "extradata", "data", "expected"),
    [
        ("h264", H264, bytes([0, 0, 0, 2, 0x65, 9]), Coded(anew=True)),
        ("h264", H264, bytes([0, 0, 0, 2, 0x41, 9]), Coded()),
        ("h264", H264, bytes([0, 0, 0, 2, 0x01, 9]), Coded(spare=True)),
        ("h264", H264, bytes([0, 0, 0, 2, 0x67, 7, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65]), Coded(True, False, b"g\7h")),
        ("h264", None, bytes([0, 0, 0, 1, 0x67, 7, 0, 0, 1, 0x68, 8, 0, 0, 1, 0x65, 5]), Coded(True, False, b"g\7h\b")),
        ("h264", None, bytes([0, 0, 1, 6, 5, 0, 0, 1, 0x01, 5]), Coded(spare=True)),
        ("h264", H264, bytes([0, 0, 0, 0]), Coded()),
        ("h264", None, b"", Coded()),
        ("hevc", HEVC, bytes([0, 0, 0, 2, 19 << 1, 1]), Coded(anew=True)),
        ("hevc", HEVC, bytes([0, 0, 0, 2, 21 << 1, 1]), Coded()),
        ("hevc", None, bytes([0, 0, 1, 32 << 1, 1, 0, 0, 1, 20 << 1, 1]), Coded(True, False, b"@\1")),
        ("vp8", None, b"\x10", Coded(anew=True)),
        ("vp8", None, b"\x11", Coded()),
        ("vp9", None, b"\x82", Coded(anew=True)),
        ("vp9", None, b"\x86", Coded()),
        ("vp9", None, b"\x8a", Coded()),
        ("vp9", None, b"\xb0", Coded()),
        ("mjpeg", None, b"\xff\xd8", Coded(anew=True)),
        ("theora", None, b"\0", UNKNOWN),
    ],
)  # fmt: skip
def test_what_a_packet_says(codec: str, extradata: bytes | None, data: bytes, expected: Coded) -> None:
    """Unit types by the standards' tables: 5 and 1 slices, 7 and 8 sets of H.264; 19 to 21, 32 of HEVC."""
    assert read_coded(codec, extradata, data) == expected
