#!/usr/bin/env bash
# FFmpeg 9.0.2 (libswscale), of imageio-ffmpeg 0.8.1. PyAV and OpenCV convert with the same library.
#
# Expected: 4:2:0 video to RGB is right to the nearest grey level, on the average over colours without a bias.
# Happens: the default conversion is more than a grey level too dark on the average. `accurate_rnd`, whose name
# promises the cure, does nothing for it; only with `full_chroma_int` beside it is the result right.
# Measured with FFmpeg's plain C code (-cpuflags 0), which is the same on every processor.
# Seen:
#   default -1.47, accurate_rnd -1.47, with full_chroma_int -0.01 grey levels
. "$(dirname "$0")/lib.sh" imageio-ffmpeg==0.8.1 numpy==2.4.6
python - <<'PY'
import subprocess

import imageio_ffmpeg
import numpy as np

rng = np.random.default_rng(0)
y, u, v = (rng.integers(low, high, 300) for low, high in ((90, 160), (100, 156), (100, 156)))
grey, red, blue = (y - 16) * 255 / 219, (v - 128) * 255 / 112 * 0.701, (u - 128) * 255 / 112 * 0.886
exact = np.stack([grey + red, grey - 0.299 / 0.587 * red - 0.114 / 0.587 * blue, grey + blue], -1)
assert 0 < exact.min() and exact.max() < 255  # nothing is clipped: the mean error is rounding alone

# Each colour is one flat frame of 64 x 64, so that how colour is interpolated plays no part.
frames = b"".join(bytes([a]) * 64**2 + bytes([b]) * 32**2 + bytes([c]) * 32**2
                  for a, b, c in zip(y.tolist(), u.tolist(), v.tolist()))


def bias(*flags):
    raw = ["-f", "rawvideo", "-s", "64x64", "-pix_fmt", "yuv420p", "-i", "-"]
    out = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-cpuflags", "0", *raw, *flags,
         "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], input=frames, check=True, capture_output=True).stdout
    return float((np.frombuffer(out, np.uint8).reshape(300, -1, 3).mean(1) - exact).mean())


default = bias()
accurate = bias("-sws_flags", "bicubic+accurate_rnd")
full = bias("-sws_flags", "bicubic+accurate_rnd+full_chroma_int")
print(f"default {default:.2f}, accurate_rnd {accurate:.2f}, with full_chroma_int {full:.2f} grey levels")
assert -1.6 < default < -1.0
assert abs(accurate - default) < 0.1
assert abs(full) < 0.1
PY
