"""Which stream of a file is the video, files cut between frames, and words that are not UTF-8."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numbered_video import HEIGHT, WIDTH, encode, every, picture, shown
from test_decoding_numbering import flags

from pipeline.errors import VideoError
from pipeline.video.video import AvVideo


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    cover = cv2.imencode(".jpg", np.zeros((10, 10, 3), np.uint8))[1].tobytes()
    source, path = encode(tmp_path / "film.mp4", range(4)), tmp_path / "covered.mkv"
    with av.open(str(source)) as inside, av.open(str(path), "w") as outside:
        outside.add_attachment("cover.jpg", "image/jpeg", cover)
        copy = outside.add_stream_from_template(inside.streams.video[0])
        for packet in inside.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                outside.mux(packet)
    assert every(path) == [0, 1, 2, 3]


def test_of_several_videos_the_first_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(5):
            for stream, first in zip(streams, (0, 100), strict=True):
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(picture(first + number), format="rgb24"))
                )
        for stream in streams:
            container.mux(stream.encode(None))
    assert every(path) == [0, 1, 2, 3, 4]
    assert flags(path) == {"several_videos"}


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    """A box in the first picture's pixels would cut something else out of it."""
    path = tmp_path / "sizes.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number in range(4):
            image = picture(number)[: HEIGHT // (1 + number // 2)]
            packet = av.Packet(cv2.imencode(".jpg", image)[1].tobytes())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            packet.is_keyframe = True
            container.mux(packet)
    assert shown(path, [0, 1]) == [0, 1]
    with pytest.raises(VideoError, match=r"sizes\.avi: frame 2 is 64 x 24 pixels, those before 64 x 48"):
        shown(path, [0, 3])


@pytest.mark.parametrize("ending", ["mkv", "webm"])
def test_a_matroska_file_cut_between_frames_is_refused(ending: str, tmp_path: Path) -> None:
    path = encode(tmp_path / f"cut.{ending}", range(20), "libvpx")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(VideoError, match=r"truncated: its header promises \d+ bytes, it has \d+"):
        AvVideo(path).probe()


def test_an_mp4_cut_between_frames_is_refused(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", range(20), "libx264", {"bf": "0"})
    path = tmp_path / "fast.mp4"
    with (
        av.open(str(whole)) as inside,
        av.open(str(path), "w", options={"movflags": "faststart"}) as outside,
    ):
        copy = outside.add_stream_from_template(inside.streams.video[0])
        for packet in inside.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                outside.mux(packet)
    with av.open(str(path)) as container:
        end = [packet.pos for packet in container.demux(video=0) if packet.size][15]
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(VideoError, match="truncated: its header promises 20 frames, it has 15"):
        AvVideo(path).probe()


@pytest.mark.parametrize("ending", ["avi", "mp4", "mkv"])
def test_v1_words_that_are_not_utf8_are_nobodys_business(ending: str, tmp_path: Path) -> None:
    """HMDB51 has titles in Latin-1."""
    path = tmp_path / f"title.{ending}"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Fu~~"
        stream = container.add_stream("mpeg4", rate=25)
        stream.metadata["title" if ending != "mp4" else "handler_name"] = "Fu~~"
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert content.count(b"Fu~~") >= (2 if ending != "avi" else 1)
    path.write_bytes(content.replace(b"Fu~~", b"Fu\xdf\xdf"))
    with pytest.raises(UnicodeDecodeError):
        _ = av.open(str(path)).streams.video[0].metadata
    assert every(path) == [0, 1, 2]
