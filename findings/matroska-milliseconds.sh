#!/usr/bin/env bash
# Matroska, written by the FFmpeg inside PyAV 18.1.0.
#
# Expected: copying a 30 Hz film from MP4 into MKV, without re-encoding, keeps the frames' times; the number of
# a frame is its time multiplied by the rate.
# Happens: Matroska's clock ticks in milliseconds. Frame 1 is shown at 0.033 s, and 0.033 x 30 is 0.99: rounded
# down, a third of the frames get the number of the frame before, and a third of the numbers have no frame.
# The rate that PyAV gives is 30 for both files. (Rounding to the nearest is right for both.)
# Seen:
#   mp4 rate 30 | clock 1/15360 | numbers [0, 1, 2, 3, 4, 5, 6] | 30 of 30 distinct
#   mkv rate 30 | clock 1/1000 | numbers [0, 0, 2, 3, 3, 5, 6] | 20 of 30 distinct
. "$(dirname "$0")/lib.sh" av==18.1.0 numpy==2.4.6
python - <<'PY'
import av
import numpy as np

with av.open("clip.mp4", "w") as out:
    stream = out.add_stream("mpeg4", rate=30)
    stream.width = stream.height = 64
    for k in range(30):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), k, np.uint8), "rgb24")))
    out.mux(stream.encode())
with av.open("clip.mp4") as source, av.open("clip.mkv", "w") as out:
    copy = out.add_stream_from_template(source.streams.video[0])
    for packet in source.demux(video=0):
        if packet.dts is not None:
            packet.stream = copy
            out.mux(packet)

distinct = {}
for kind in ("mp4", "mkv"):
    with av.open(f"clip.{kind}") as film:
        stream = film.streams.video[0]
        rate, ticks = stream.average_rate, stream.time_base
        times = [frame.pts * ticks for frame in film.decode(video=0)]  # exact fractions
    numbers = [int(time * rate) for time in times]
    distinct[kind] = len(set(numbers))
    print(kind, "rate", rate, "| clock", ticks, "| numbers", numbers[:7], "|", distinct[kind], "of 30 distinct")
    assert rate == 30 and len(times) == 30
    assert [round(time * rate) for time in times] == list(range(30))
assert distinct == {"mp4": 30, "mkv": 20}
PY
