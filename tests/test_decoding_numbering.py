"""Frames are numbered as they are shown, however the file came to be: all stages ask one numbering."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from numbered_video import HEIGHT, WIDTH, encode, every, number_of, picture, remux, shown

from pipeline.errors import VideoError
from pipeline.video.video import AvVideo

H264 = {"g": "20", "bf": "3", "sc_threshold": "0"}
VOP, DIVX = b"\0\0\1\xb6", b"\0\0\1\xb2DivX503b1393p"


def flags(path: Path) -> set[str]:
    return set(AvVideo(path).probe().flags)


# Empty chunks of AVIs.


def test_v3_an_empty_chunk_shows_the_picture_before_once_more(tmp_path: Path) -> None:
    """A recorder that dropped frames 3, 7 and 8 of 12."""
    path = encode(tmp_path / "dropped.avi", [0, 1, 2, 4, 5, 6, 9, 10, 11])
    assert every(path) == [0, 1, 2, 2, 4, 5, 6, 6, 6, 9, 10, 11]
    assert shown(path, [3, 8, 9]) == [2, 6, 9]
    assert flags(path) == {"empty_packets"}
    assert AvVideo(path).probe().undecodable_frames == 0


def test_with_b_frames_too(tmp_path: Path) -> None:
    path = encode(tmp_path / "dropped.avi", [*range(20), *range(25, 40)], options={"bf": "2"})
    assert every(path) == [*range(20), 19, 19, 19, 19, 19, *range(25, 40)]


def test_empty_chunks_at_the_end_are_frames_too(tmp_path: Path) -> None:
    """Demuxers don't pass them on: the header promises 12 frames, nine chunks hold something."""
    path = with_empty_chunks_at_the_end(encode(tmp_path / "tail.avi", range(9)), 3)
    assert every(path) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]
    assert flags(path) == {"empty_packets"}


def test_a_whole_avi_whose_header_promises_more_than_its_chunks_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "lies.avi", range(9))
    content = bytearray(path.read_bytes())
    put(content, content.index(b"strh") + 8 + 32, 12)
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"lies\.avi: truncated: its header promises 12 frames, it has 9"):
        AvVideo(path).probe()


def test_a_clock_that_ticks_twice_a_frame_has_no_empty_chunks(tmp_path: Path) -> None:
    """FFmpeg writes H.264 so, copied from a file whose rate counts fields."""
    path = tmp_path / "twice.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = 2 * number, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.fps, facts.flags) == (6, 25.0, frozenset())
    assert every(path) == [0, 1, 2, 3, 4, 5]


# Recordings that begin on no keyframe.


@pytest.mark.parametrize("ending", ["mkv", "ts", "mov"])
def test_cut_and_dropped_a_recording_that_begins_on_no_keyframe(ending: str, tmp_path: Path) -> None:
    """The first seven packets are lost, the next keyframe is picture 20, frame 13; picture 59 is frame 52."""
    whole = encode(tmp_path / "whole.mp4", range(60), "libx264", {**H264, "bf": "0"})
    path = remux(whole, tmp_path / f"late.{ending}", lambda number: number >= 7)
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.undecodable_frames) == (53, 13)
    assert shown(path, [0, 13, 26, 39, 52]) == [20, 20, 33, 46, 59]
    assert every(path) == [20] * 13 + list(range(20, 60))
    assert "undecodable_start" in facts.flags


def test_a_late_start_with_b_frames(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", range(60), "libx264", H264)
    path = remux(whole, tmp_path / "late.mkv", lambda number: number >= 7)
    assert AvVideo(path).probe().num_frames == 53
    assert shown(path, [0, 13, 26, 39]) == [20, 20, 33, 46]


def test_pictures_that_a_decoder_draws_over_grey_are_none(tmp_path: Path) -> None:
    """MPEG-4 decodes differences of nothing without a word; in an AVI their chunks keep their frames."""
    whole = encode(tmp_path / "whole.avi", range(30), options={"g": "12", "sc_threshold": "1000000000"})
    path = remux(whole, tmp_path / "late.avi", lambda number: number >= 5, shift_frames=5)
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.undecodable_frames, facts.flags) == (25, 7, {"undecodable_start"})
    assert every(path) == [12] * 7 + list(range(12, 30))


def test_hevc_that_begins_amid_an_open_group(tmp_path: Path) -> None:
    """The pictures shown before the first keyframe refer to what was cut off: no decoder shows them."""
    parameters = {"x265-params": "log-level=none:keyint=15:open-gop=1:bframes=3:scenecut=0"}
    whole = encode(tmp_path / "whole.mkv", range(45), "libx265", parameters)
    with av.open(str(whole)) as container:
        keys = [n for n, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    path = remux(whole, tmp_path / "open.mkv", lambda number: number >= keys[1])
    pictures = every(path)
    facts = AvVideo(path).probe()
    assert facts.num_frames == len(pictures)
    assert facts.undecodable_frames > 0
    assert "undecodable_start" in facts.flags
    assert pictures == [15] * facts.undecodable_frames + list(range(15, 45))


def test_a_file_without_any_keyframe_is_refused(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", range(15), "libx264", {"g": "60", "bf": "0"})
    path = remux(whole, tmp_path / "none.mkv", lambda number: number >= 3)
    with pytest.raises(VideoError, match=r"none\.mkv: holds no keyframe"):
        AvVideo(path).probe()


# Packets that hold two pictures, or none.


def packed(folder: Path) -> Path:
    """As DivX 5 wrote AVIs: a P- and a B-picture share a chunk, one that says "not coded" follows; and one chunk of
    one byte stands after the first picture."""
    options = {"bf": "1", "g": "300", "sc_threshold": "1000000000", "b_strategy": "0"}
    source = encode(folder / "b.avi", range(20), options=options)
    with av.open(str(source)) as inside, av.open(str(folder / "packed.avi"), "w") as outside:
        stream = inside.streams.video[0]
        data = [bytes(packet) for packet in inside.demux(stream) if packet.size]
        chunks, place = [data[0].replace(VOP, DIVX + VOP, 1), b"\x7f"], 1
        while place < len(data):
            paired = (
                place + 1 < len(data) and data[place + 1].split(VOP)[-1][0] >> 6 == 2
            )  # a B-picture follows
            chunks.append(b"".join(data[place : place + 1 + paired]))
            if paired:
                chunks.append(VOP + data[place].split(VOP)[-1][:2] + b"\x13\x7f")
            place += 1 + paired
        copy = outside.add_stream_from_template(stream)
        copy.codec_context.codec_tag = "DX50"
        for number, chunk in enumerate(chunks):
            packet = av.Packet(chunk)
            packet.stream, packet.time_base, packet.pts, packet.dts = copy, stream.time_base, number, number
            packet.is_keyframe = number == 0
            outside.mux(packet)
    return folder / "packed.avi"


def test_v2_packed_b_frames_count_what_decodes(tmp_path: Path) -> None:
    path = packed(tmp_path)
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.header_frames, facts.flags) == (20, 21, {"shared_packets"})
    assert every(path) == list(range(20))


def test_a_hidden_vp8_packet_is_no_frame(tmp_path: Path) -> None:
    """Alternate reference frames, which encoders add, are decoded and never shown: bit 4 says so."""
    whole = encode(tmp_path / "whole.webm", range(12), "libvpx", {"g": "4", "auto-alt-ref": "0"})
    with av.open(str(whole)) as container:
        packet = next(p for n, p in enumerate(container.demux(video=0)) if n == 5)
        data = bytes(packet)
    hidden = bytes([data[0] & ~0x10]) + data[1:]
    path = tmp_path / "hidden.webm"
    path.write_bytes(whole.read_bytes().replace(data, hidden))
    assert every(path) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert "shared_packets" in flags(path)


def test_interlaced_video_is_counted_by_decoding(tmp_path: Path) -> None:
    path = encode(tmp_path / "fields.mp4", range(12), "libx264", {"x264-params": "interlaced=1:bframes=2"})
    assert every(path) == list(range(12))
    assert flags(path) == {"interlaced"}


# Time stamps.


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *((ending, "libx264") for ending in ("mp4", "mkv", "mov", "flv", "ts", "h264", "avi", "3gp")),
        *((ending, "mpeg4") for ending in ("mp4", "mkv", "avi", "m4v")),
        *(("webm", "libvpx"), ("webm", "libvpx-vp9"), ("flv", "flv"), ("wmv", "wmv2"), ("mpg", "mpeg2video")),
        *(("mkv", "ffv1"), ("avi", "mjpeg")),
    ],
)
def test_in_every_container_frame_k_is_picture_k(ending: str, codec: str, tmp_path: Path) -> None:
    options = {**H264, "bf": "3"} if codec == "libx264" else {}
    path = encode_as(tmp_path / f"any.{ending}", codec, options)
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.undecodable_frames, facts.flags) == (24, 0, frozenset())
    assert every(path) == list(range(24))


def encode_as(path: Path, codec: str, options: dict[str, str]) -> Path:
    if codec != "mjpeg":
        return encode(path, range(24), codec, options)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number in range(24):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_frames_that_do_not_last_equally_long_are_numbered_by_pictures(ending: str, tmp_path: Path) -> None:
    path = encode(tmp_path / f"phone.{ending}", [0, 1, 2, 5, 6, 7, 11], "libx264", H264)
    assert every(path) == [0, 1, 2, 5, 6, 7, 11]
    assert flags(path) == {"uneven_times"}


def test_what_an_edit_list_leaves_out_counts_for_nothing(tmp_path: Path) -> None:
    """A file cut at picture 6 without encoding keeps what that is drawn from, and does not show it."""
    whole = encode(tmp_path / "whole.mp4", range(20), "libx264", {"g": "20", "bf": "0"})
    path = remux(whole, tmp_path / "cut.mp4", shift_frames=6)
    facts = AvVideo(path).probe()
    assert (facts.num_frames, facts.header_frames, facts.flags) == (14, 20, {"hidden_frames"})
    assert every(path) == list(range(6, 20))


def test_a_gif(tmp_path: Path) -> None:
    path = tmp_path / "small.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgb8"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="rgb8")))
        container.mux(stream.encode(None))
    assert every(path) == list(range(6))


def put(content: bytearray, at: int, number: int) -> None:
    content[at : at + 4] = number.to_bytes(4, "little")


def with_empty_chunks_at_the_end(path: Path, count: int) -> Path:
    """The AVI with `count` more chunks, all empty, and its lengths set right."""
    content = bytearray(path.read_bytes())
    movi, index = content.index(b"movi"), content.rindex(b"idx1")
    frames = int.from_bytes(content[content.index(b"strh") + 40 :][:4], "little")
    for at, more in ((4, 8 * count), (movi - 4, 8 * count)):
        put(content, at, int.from_bytes(content[at : at + 4], "little") + more)
    put(content, content.index(b"strh") + 40, frames + count)
    content[index:index] = (b"00dc" + bytes(4)) * count
    path.write_bytes(content)
    return path


def test_the_spelling_is_read_right() -> None:
    assert [number_of(picture(number)) for number in (0, 1, 37, 200)] == [0, 1, 37, 200]
