"""Measures how near crops are to the encoded pictures, against converting to RGB before shrinking.

    python bench/crop_pixels.py

Two photographs of scikit-learn's become 4:2:0 frames, without a codec's loss. A box of 354 x 354 with odd edges is
shrunk to 112 x 112: in planes, as crops are, and after FFmpeg's converter. The truth is the same box of the
photograph itself, each pixel the mean over what it covers.
"""

import sys
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.values import Box
from pipeline.video.crop_recipe import INTERPOLATIONS
from pipeline.video.planes import crop_planes, planes_of
from pipeline.video.resize import inside, resize

BOX = Box(21, 17, 375, 371)
SIZE = (112, 112)


def summary(errors: NDArray[np.int64]) -> str:
    """Mean distance from the truth and mean shift, of 255."""
    return f"{np.abs(errors).mean():.2f} off, shifted by {errors.mean():+.2f}"


def main() -> None:
    """Print both errors; exit status 1 where crops are not the nearer ones."""
    nearer = True
    for photo in ("china.jpg", "flower.jpg"):
        whole = load_sample_image(photo)
        height, width = (length // 2 * 2 for length in whole.shape[:2])
        rgb = np.ascontiguousarray(whole[:height, :width])
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
        planes = planes_of(frame)
        assert planes is not None
        truth = resize(inside(rgb, BOX), SIZE, "area").astype(int)
        converted = inside(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), BOX)
        for how in INTERPOLATIONS:
            ours = crop_planes(planes, BOX, SIZE, how) - truth
            theirs = resize(converted, SIZE, how) - truth
            nearer &= bool(np.abs(ours).mean() < np.abs(theirs).mean())
            print(f"{photo}, {how}: {summary(ours)}; converted first {summary(theirs)}")
    sys.exit(not nearer)


if __name__ == "__main__":
    main()
