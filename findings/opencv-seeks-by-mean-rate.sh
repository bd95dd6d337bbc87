#!/usr/bin/env bash
# OpenCV 5.0.0.93; the clip is made with the FFmpeg of imageio-ffmpeg 0.8.1.
#
# Expected: after `set(CAP_PROP_POS_FRAMES, i)`, `read` gives the picture that the i-th `read` from the start
# gives, or the position that OpenCV then reports differs from i.
# Happens: OpenCV turns i into a time with the mean frame rate. In a clip whose camera slows down in dim light
# (here 30 pictures a second, then 10) the picture is up to 13 places off, while `get(CAP_PROP_POS_FRAMES)`
# says exactly i. Pictures 56 and 64 can't be reached at all, though reading in turn gives all 65.
# Seen:
#   frames 65 mean rate 18.93
#   wanted [0, 8, 16, 24, 32, 40, 48, 56, 64]
#   said   [0, 8, 16, 24, 32, 40, 48, 51, 51]
#   got    [0, 8, 16, 28, 41, 53, 61, None, None]
. "$(dirname "$0")/lib.sh" opencv-python-headless==5.0.0.93 imageio-ffmpeg==0.8.1 numpy==2.4.6
python - <<'PY'
import subprocess

import cv2
import imageio_ffmpeg

source = "color=gray:s=64x64:r=30:d=3.5,format=yuv420p,geq=lum=16+2*N:cb=128:cr=128,select='lt(n,45)+not(mod(n,3))'"
codec = ["-fps_mode", "vfr", "-c:v", "libx264", "-threads", "1", "-qp", "0", "-g", "12", "-bf", "0"]
subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *codec, "clip.mp4"],
               check=True)

film = cv2.VideoCapture("clip.mp4")
in_turn = []
while (answer := film.read())[0]:
    in_turn.append(float(answer[1].mean()))
place = {grey: i for i, grey in enumerate(in_turn)}  # every picture has a grey level of its own

wanted = range(0, len(in_turn), 8)
got, said = [], []
for i in wanted:
    film.set(cv2.CAP_PROP_POS_FRAMES, i)
    said.append(int(film.get(cv2.CAP_PROP_POS_FRAMES)))
    ok, bgr = film.read()
    got.append(place[float(bgr.mean())] if ok else None)
print("frames", len(in_turn), "mean rate", round(film.get(cv2.CAP_PROP_FPS), 2))
print("wanted", list(wanted))
print("said  ", said)
print("got   ", got)
assert len(in_turn) == len(place) == 65
assert said[:7] == list(wanted)[:7]
assert got == [0, 8, 16, 28, 41, 53, 61, None, None]
PY
