"""Videos that are rotated or mirrored by their display matrix or Exif come out as FFmpeg shows them."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from test_video import HEIGHT, WIDTH, all_frames, write_video

from pipeline.errors import VideoError
from pipeline.video.planes import Planes
from pipeline.video.video import AvVideo

ONE = 1 << 16
ORIENTATIONS = {
    (ONE, 0, 0, ONE): lambda image: image,
    (-ONE, 0, 0, ONE): lambda image: image[:, ::-1],
    (ONE, 0, 0, -ONE): lambda image: image[::-1],
    (-ONE, 0, 0, -ONE): lambda image: image[::-1, ::-1],
    (0, ONE, -ONE, 0): lambda image: image.swapaxes(0, 1)[:, ::-1],
    (0, -ONE, ONE, 0): lambda image: image.swapaxes(0, 1)[::-1],
    (0, ONE, ONE, 0): lambda image: image.swapaxes(0, 1),
    (0, -ONE, -ONE, 0): lambda image: image.swapaxes(0, 1)[::-1, ::-1],
}
"""Display matrices (a, b, c, d), and what ffmpeg 5.1.9 writes of a file that has them (-autorotate, the default):
as decoded, hflip, vflip, both, transpose=clock, =cclock, =cclock_flip and =clock_flip."""


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The file, its track's header saying that it is shown so."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = matrix
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_v4_a_video_is_turned_and_mirrored_as_ffmpeg_shows_it(
    matrix: tuple[int, int, int, int], tmp_path: Path
) -> None:
    path = write_video(tmp_path / "phone.mp4", "libx264", 3)
    flat = all_frames(path)[1]
    flat_again = ORIENTATIONS[matrix](flat)
    video = AvVideo(turned(path, matrix))
    for ask in (video.frames, video.pictures):
        (_, frame) = next(ask([1]))
        if isinstance(frame, Planes):
            assert matrix == (ONE, 0, 0, ONE)
        else:
            np.testing.assert_array_equal(frame, flat_again)
    assert (video.probe().height, video.probe().width) == flat_again.shape[:2]


def test_a_slanted_video_is_refused(tmp_path: Path) -> None:
    half = ONE // 2
    path = turned(write_video(tmp_path / "phone.mp4", "libx264", 3), (half, half, -half, half))
    with pytest.raises(VideoError, match=r"phone\.mp4: frame 0: its display matrix turns it by -45 degrees"):
        AvVideo(path).probe()


def test_a_jpeg_with_exif_of_which_pyav_knows_only_the_angle(tmp_path: Path) -> None:
    """Turned a quarter clockwise: the bright top is the right when it is shown."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:20] = 255
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    jpeg = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        packet = av.Packet(jpeg)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 25)
        packet.is_keyframe = True
        container.mux(packet)
    (_, frame) = next(AvVideo(path).frames([0]))
    assert frame.shape == (WIDTH, HEIGHT, 3)
    assert frame[:, -10:].min() > 200 > 50 > frame[:, :-30].max()
