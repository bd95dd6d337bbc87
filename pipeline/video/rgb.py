"""From decoded frames to RGB, whole and upright."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.decoding.orientation import orientation
from pipeline.errors import VideoError


class RgbConverter:
    """Converts the frames of one video. One for all of them: making one costs as much as its work."""

    def __init__(self, name: str) -> None:
        """`name` is the video's, for messages."""
        self._name = name
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, turned and mirrored as the file says it is shown."""
        shown = orientation(frame)
        if shown is None:
            raise VideoError(
                f"{self._name}: frame {number}: its display matrix turns it by {frame.rotation} degrees, or slants it; "
                "encode it upright"
            )
        threads = 1  # the workers are the parallelism
        rgb = np.asarray(
            self._reformatter.reformat(frame, format="rgb24", threads=threads).to_ndarray(), np.uint8
        )
        return np.ascontiguousarray(shown.apply(rgb))
