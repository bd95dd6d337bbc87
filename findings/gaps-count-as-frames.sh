#!/usr/bin/env bash
# PyAV 18.1.0, OpenCV 5.0.0.93, decord 0.6.0; the clips are made with FFmpeg 9.0.2 (of imageio-ffmpeg 0.8.1).
#
# Expected: 50 pictures in a file are 50 frames to everyone, whatever the container.
# Happens: the clip lacks pictures 20 to 29 of 60, as when a camera drops some. In AVI the gap becomes empty
# chunks, which the header counts: PyAV and OpenCV announce 60 and then decode 50. In Matroska there is no
# count: PyAV says 0, and OpenCV multiplies duration and rate, 60 again. In MP4 both say 50. decord, which looks
# through the packets, says 50 for all three. So fewer pictures than announced don't mean a truncated file.
# Seen:
#   avi: announced by PyAV 60, OpenCV 60, decord 50; decoded 50
#   mkv: announced by PyAV 0, OpenCV 60, decord 50; decoded 50
#   mp4: announced by PyAV 50, OpenCV 50, decord 50; decoded 50
. "$(dirname "$0")/lib.sh" av==18.1.0 opencv-python-headless==5.0.0.93 decord==0.6.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
python - <<'PY'
import subprocess

import av
import cv2
import decord
import imageio_ffmpeg

source = "testsrc=s=64x64:r=30:d=2,select='not(between(n,20,29))'"
codec = ["-fps_mode", "vfr", "-c:v", "mpeg4", "-threads", "1"]
seen = {}
for kind in ("avi", "mkv", "mp4"):
    file = f"clip.{kind}"
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *codec, file],
                   check=True)
    with av.open(file) as container:
        announced = container.streams.video[0].frames
        decoded = sum(1 for _ in container.decode(video=0))
    film = cv2.VideoCapture(file)
    promised, grabbed = int(film.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    while film.grab():
        grabbed += 1
    seen[kind] = (announced, promised, len(decord.VideoReader(file, num_threads=1)))
    print(f"{kind}: announced by PyAV {announced}, OpenCV {promised}, decord {seen[kind][2]}; decoded {decoded}")
    assert decoded == grabbed == 50
assert seen == {"avi": (60, 60, 50), "mkv": (0, 60, 50), "mp4": (50, 50, 50)}
PY
