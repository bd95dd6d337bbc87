#!/usr/bin/env bash
# decord 0.6.0; the clip is made with the FFmpeg of imageio-ffmpeg 0.8.1.
#
# Expected: frame i of a reader is one picture, however the reader came to it.
# Happens: a clip cut without re-encoding (`ffmpeg -ss 0.5 -c copy`) starts with 15 frames that its edit list
# hides. Read one after the other, decord leaves them out: frame 36 is picture 51. Reached by a jump over a key
# frame, decord counts them: frame 36 is picture 36. So labels shift by half a second between dense and sparse
# sampling. The reader's length also counts the hidden frames: 90 for a clip that shows 75.
# Every picture has a grey level of its own.
# Seen:
#   pictures that FFmpeg shows: 75 | decord's length: 90
#   in turn: {0: 15, 9: 24, 18: 33, 36: 51, 54: 69}
#   jumping: {0: 15, 9: 24, 18: 33, 36: 36, 54: 54}
. "$(dirname "$0")/lib.sh" decord==0.6.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
python - <<'PY'
import subprocess

import imageio_ffmpeg
from decord import VideoReader, cpu

numbered = "color=gray:s=64x64:r=30:d=3,format=yuv420p,geq=lum=16+2*N:cb=128:cr=128"
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
codec = ["-c:v", "libx264", "-threads", "1", "-qp", "0", "-g", "30", "-bf", "2"]
subprocess.run([*ffmpeg, "-f", "lavfi", "-i", numbered, *codec, "whole.mp4"], check=True)
subprocess.run([*ffmpeg, "-ss", "0.5", "-i", "whole.mp4", "-c", "copy", "cut.mp4"], check=True)
shown = subprocess.run(
    [*ffmpeg, "-i", "cut.mp4", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
    check=True, capture_output=True,
).stdout


def reader(file):
    return VideoReader(file, ctx=cpu(0), num_threads=1)


def grey(film, i):
    return float(film[i].asnumpy().mean())


whole, one, jumping = reader("whole.mp4"), reader("cut.mp4"), reader("cut.mp4")
picture = {grey(whole, i): i for i in range(90)}
assert len(picture) == 90
in_turn = [picture[grey(one, i)] for i in range(60)]
jumps = {i: picture[grey(jumping, i)] for i in (0, 9, 18, 36, 54)}
print("pictures that FFmpeg shows:", len(shown) // 64**2, "| decord's length:", len(one))
print("in turn:", {i: in_turn[i] for i in jumps})
print("jumping:", jumps)
assert len(shown) // 64**2 == 75 and len(one) == 90
assert in_turn == list(range(15, 75))
assert jumps == {0: 15, 9: 24, 18: 33, 36: 36, 54: 54}
PY
