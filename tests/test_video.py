"""Videos: frames counted, frames in shown order whatever the codec, errors that say what is wrong."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.values import Box
from pipeline.video.planes import Planes, crop_planes
from pipeline.video.video import AvVideo, VideoFacts

HEIGHT, WIDTH = 64, 96


def picture(number: int) -> NDArray[np.uint8]:
    """Frame `number`: a bright bar whose place tells the number, over a grey ramp."""
    image = np.repeat(np.linspace(40, 120, WIDTH, dtype=np.uint8)[None, :, None], HEIGHT, axis=0).repeat(
        3, axis=2
    )
    image[:, 4 * (number % 24) : 4 * (number % 24) + 4] = 255
    return image


def write_video(
    path: Path, codec: str, num_frames: int, options: dict[str, str] | None = None, *, width: int = WIDTH
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(num_frames):
            image = np.ascontiguousarray(picture(number)[:, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def bar_number(frame: NDArray[np.uint8]) -> int:
    """The number that a frame's bar tells."""
    columns = frame.astype(float).mean(axis=(0, 2)) - np.linspace(40, 120, WIDTH)
    return int(columns.reshape(-1, 4).mean(axis=1).argmax())


def all_frames(path: Path) -> list[NDArray[np.uint8]]:
    """Every frame, decoded plainly."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def mpeg4_avi(folder: Path) -> Path:
    return write_video(folder / "mpeg4.avi", "mpeg4", 20)


def mpeg4_b_frames_avi(folder: Path) -> Path:
    return write_video(folder / "mpeg4b.avi", "mpeg4", 20, {"bf": "2"})


def h264_b_frames_mp4(folder: Path) -> Path:
    return write_video(folder / "h264.mp4", "libx264", 20, {"bf": "3", "g": "10"})


def cut_in_packet(path: Path, number: int) -> Path:
    """The file, ended in the middle of packet `number`."""
    with av.open(str(path)) as container:
        packet = next(itertools.islice(container.demux(video=0), number, None))
        end = packet.pos + packet.size // 2
    path.write_bytes(path.read_bytes()[:end])
    return path


def damaged_in_packet(path: Path, number: int) -> Path:
    """The file, packet `number`'s second third overwritten."""
    with av.open(str(path)) as container:
        packet = next(itertools.islice(container.demux(video=0), number, None))
        start, stop = packet.pos + packet.size // 3, packet.pos + packet.size // 2
    content = bytearray(path.read_bytes())
    content[start:stop] = b"\xff" * (stop - start)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("make", [mpeg4_avi, mpeg4_b_frames_avi, h264_b_frames_mp4])
def test_wanted_frames_equal_a_full_decode(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    expected = all_frames(path)
    got = dict(AvVideo(path).frames([0, 3, 4, 19]))
    assert list(got) == [0, 3, 4, 19]
    for number, frame in got.items():
        assert frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, expected[number])
        assert bar_number(frame) == number


def test_the_b_frame_video_has_b_frames(tmp_path: Path) -> None:
    with av.open(str(h264_b_frames_mp4(tmp_path))) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert stamps != sorted(stamps)


@pytest.mark.parametrize("make", [mpeg4_avi, mpeg4_b_frames_avi, h264_b_frames_mp4])
def test_probe_counts_packets_and_measures_the_first_frame(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    facts = AvVideo(make(tmp_path)).probe()
    assert facts == VideoFacts(num_frames=20, height=HEIGHT, width=WIDTH, fps=25.0, header_frames=20)


def test_decoding_stops_after_the_last_wanted_frame(tmp_path: Path) -> None:
    path = damaged_in_packet(mpeg4_avi(tmp_path), 8)
    assert [number for number, _ in AvVideo(path).frames([0, 7])] == [0, 7]


@pytest.mark.parametrize("width", [68, WIDTH])
def test_a_rotated_video_is_turned_upright(width: int, tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4", "libx264", 3, width=width)
    flat = all_frames(path)[1]
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    _, frame = next(AvVideo(path).frames([1]))
    np.testing.assert_array_equal(frame, np.rot90(flat, -1))  # the matrix turns by 90 degrees clockwise
    _, picture = next(AvVideo(path).pictures([1]))
    np.testing.assert_array_equal(picture, frame)
    assert (AvVideo(path).probe().height, AvVideo(path).probe().width) == (width, HEIGHT)


def test_a_truncated_avi_is_refused(tmp_path: Path) -> None:
    path = cut_in_packet(mpeg4_avi(tmp_path), 10)
    with pytest.raises(VideoError, match=r"mpeg4\.avi: frame 10 is there in part: truncated"):
        AvVideo(path).probe()
    with pytest.raises(VideoError, match=r"frame 10 is there in part: truncated"):
        list(AvVideo(path).frames([0, 2]))  # what index refuses, crop and extract refuse


def test_a_video_that_ends_between_two_packets_is_refused(tmp_path: Path) -> None:
    path = mpeg4_avi(tmp_path)
    with av.open(str(path)) as container:
        end = next(itertools.islice(container.demux(video=0), 10, None)).pos
    path.write_bytes(path.read_bytes()[: end - 8])  # a chunk's head is 8 bytes
    with pytest.raises(VideoError, match=r"truncated: its header promises \d+ bytes, it has \d+"):
        list(AvVideo(path).frames([0, 2]))


def test_an_avi_without_its_last_frame_is_refused(tmp_path: Path) -> None:
    path = mpeg4_avi(tmp_path)
    with av.open(str(path)) as container:
        end = next(itertools.islice(container.demux(video=0), 19, None)).pos
    path.write_bytes(path.read_bytes()[: end - 8])
    with pytest.raises(VideoError, match=r"truncated: its header promises \d+ bytes, it has \d+"):
        AvVideo(path).probe()


def test_damage_in_a_frame_that_nobody_wants_is_refused_too(tmp_path: Path) -> None:
    path = damaged_in_packet(mpeg4_avi(tmp_path), 8)
    assert AvVideo(path).probe().num_frames == 20
    with pytest.raises(VideoError, match="frame 8: the decoder marks it as corrupt"):
        list(AvVideo(path).frames([0, 12]))


def test_pictures_are_the_planes_of_the_same_frames(tmp_path: Path) -> None:
    path = mpeg4_avi(tmp_path)
    frames, pictures = (dict(ask([2, 11])) for ask in (AvVideo(path).frames, AvVideo(path).pictures))
    assert list(pictures) == [2, 11]
    for number, picture in pictures.items():
        assert isinstance(picture, Planes)
        assert picture.luma.shape == (HEIGHT, WIDTH)
        whole = crop_planes(picture, Box(0, 0, WIDTH, HEIGHT), (HEIGHT, WIDTH), "auto")
        assert np.abs(whole.astype(int) - frames[number]).mean() < 2


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_colours_that_ffmpeg_cannot_convert_are_the_videos_fault(pixels: str, tmp_path: Path) -> None:
    """YCgCo: one bad video, not a run that ends."""
    path = tmp_path / "ycgco.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.colorspace = 8
        frame = av.VideoFrame.from_ndarray(picture(0), format="rgb24").reformat(format=pixels)
        frame.colorspace = 8
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for ask in (AvVideo(path).frames, AvVideo(path).pictures):
        with pytest.raises(VideoError, match=r"ycgco\.mkv: cannot be decoded"):
            list(ask([0]))


def test_frames_that_stand_bottom_up_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "flipped.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.extradata = b"BottomUp\0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(5), format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).planes[0].line_size < 0
    (_, frame), (_, same) = (next(ask([0])) for ask in (AvVideo(path).frames, AvVideo(path).pictures))
    np.testing.assert_array_equal(same, frame)
    assert bar_number(frame) == 5


def test_a_truncated_mp4_is_refused(tmp_path: Path) -> None:
    path = h264_b_frames_mp4(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"h264\.mp4: cannot be decoded"):
        AvVideo(path).probe()


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.avi"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"odd\.avi: cannot be decoded .*fetch it again"):
        AvVideo(path).probe()


def test_a_missing_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone\.avi: no such file"):
        AvVideo(tmp_path / "gone.avi").probe()


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    with pytest.raises(VideoError, match="holds no video stream"):
        AvVideo(path).probe()


@pytest.mark.parametrize("wanted", [[2, 1], [1, 1], [-1]])
def test_wanted_must_rise(wanted: list[int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rise strictly"):
        list(AvVideo(tmp_path / "any.avi").frames(wanted))


def test_nothing_wanted_opens_nothing(tmp_path: Path) -> None:
    assert list(AvVideo(tmp_path / "gone.avi").frames([])) == []


def test_only_wanted_frames_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[int] = []

    class CountingReformatter:
        def reformat(self, frame: av.VideoFrame, format: str, threads: int) -> av.VideoFrame:
            converted.append(frame.pts)
            return frame.reformat(format=format, threads=threads)

    monkeypatch.setattr("pipeline.video.rgb.VideoReformatter", CountingReformatter)
    list(AvVideo(mpeg4_avi(tmp_path)).frames([1, 18]))
    assert converted == [1, 18]
