#!/usr/bin/env bash
# OpenCV 5.0.0.93, PyAV 18.1.0, FFmpeg 9.0.2 (of imageio-ffmpeg 0.8.1).
#
# Expected: an MP4's display matrix may mirror the film. A reader that applies the matrix by itself mirrors it,
# and one that doesn't says what the matrix is.
# Happens: OpenCV applies turns only and takes a left-right mirror for half a turn: the film stands on its
# head. A top-bottom mirror it leaves out. PyAV's `frame.rotation` says -180 for the one and 0 for the other,
# so a program that trusts it does the same. The ffmpeg command alone shows both films right.
# The letters are the colours of the four quarters, row by row; the stored picture is R G / B W.
# Seen:
#   left-right | ffmpeg: G R W B | OpenCV: W B G R | PyAV's rotation: -180
#   top-bottom | ffmpeg: B W R G | OpenCV: R G B W | PyAV's rotation: 0
. "$(dirname "$0")/lib.sh" opencv-python-headless==5.0.0.93 av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
python - <<'PY'
import subprocess

import av
import cv2
import imageio_ffmpeg
import numpy as np

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
picture = np.zeros((64, 128, 3), np.uint8)
picture[:32, :64, 0] = picture[:32, 64:, 1] = picture[32:, :64, 2] = picture[32:, 64:] = 255
raw = ["-f", "rawvideo", "-s", "128x64", "-pix_fmt", "rgb24", "-i", "-"]
subprocess.run([*ffmpeg, *raw, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", "plain.mp4"],
               input=picture.tobytes() * 3, check=True)


def letters(rgb):
    """Which of red, green, blue is bright in each quarter; W for all."""
    quarters = (rgb[16, 32], rgb[16, 96], rgb[48, 32], rgb[48, 96])
    return " ".join("W" if min(q) > 127 else "RGB"[int(np.argmax(q))] for q in quarters)


seen = {}
for name, option in (("left-right", "-display_hflip"), ("top-bottom", "-display_vflip")):
    file = f"{name}.mp4"
    subprocess.run([*ffmpeg, option, "-i", "plain.mp4", "-c", "copy", file], check=True)
    out = subprocess.run([*ffmpeg, "-i", file, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         check=True, capture_output=True).stdout
    right = letters(np.frombuffer(out, np.uint8).reshape(64, 128, 3))
    _, bgr = cv2.VideoCapture(file).read()
    with av.open(file) as container:
        rotation = next(container.decode(video=0)).rotation
    seen[name] = (right, letters(bgr[..., ::-1]), rotation)
    print(name, "| ffmpeg:", right, "| OpenCV:", seen[name][1], "| PyAV's rotation:", rotation)
assert seen["left-right"][:2] == ("G R W B", "W B G R") and abs(seen["left-right"][2]) == 180
assert seen["top-bottom"] == ("B W R G", "R G B W", 0)
PY
