#!/usr/bin/env bash
# OpenCV 4.13.0.92 against 5.0.0.93.
#
# Expected: a filter over the track of one joint (a NumPy array of one dimension) does the same in both.
# Happens: OpenCV 4 takes such an array for a column, OpenCV 5 for a row. `blur(track, (1, 3))`, which smoothed
# over time, returns the track untouched, and in another shape. A kernel made with `np.ones(3)` turns too:
# dilating a mask with it grows down in the one and sideways in the other. No error, no warning.
# Seen:
#   OpenCV 4 | blurred (5, 1) [0.0, 3.0, 3.0, 3.0, 0.0] | mask grown to [(1, 2), (2, 2), (3, 2)]
#   OpenCV 5 | blurred (1, 5) [0.0, 0.0, 9.0, 0.0, 0.0] | mask grown to [(2, 1), (2, 2), (2, 3)]
. "$(dirname "$0")/lib.sh" opencv-python-headless==4.13.0.92 numpy==2.4.6
cat >check.py <<'PY'
import cv2
import numpy as np

track = np.array([0, 0, 9, 0, 0], np.float32)
smooth = cv2.blur(track, (1, 3), borderType=cv2.BORDER_REPLICATE)
mask = np.zeros((5, 5), np.uint8)
mask[2, 2] = 1
grown = cv2.dilate(mask, np.ones(3, np.uint8))
where = [tuple(map(int, cell)) for cell in np.argwhere(grown)]
major = int(cv2.__version__.split(".")[0])
print("OpenCV", major, "| blurred", smooth.shape, smooth.ravel().tolist(), "| mask grown to", where)
if major == 4:
    assert smooth.shape == (5, 1) and smooth.ravel().tolist() == [0, 3, 3, 3, 0]
    assert where == [(1, 2), (2, 2), (3, 2)]
else:
    assert smooth.shape == (1, 5) and smooth.ravel().tolist() == track.tolist()
    assert where == [(2, 1), (2, 2), (2, 3)]
PY
python check.py
python -m pip install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 2>/dev/null
python check.py
