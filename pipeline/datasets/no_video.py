"""A placeholder for a clip's video where there are skeletons alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.video.video import VideoFacts

FRAME_SIZE = (1080, 1920)
"""(H, W): what PYSKL takes where nothing tells how large the picture was (PreNormalize2D)."""


@dataclass(frozen=True, slots=True)
class NoVideo:
    """Frames that were counted and measured, and cannot be seen."""

    clip_id: str
    facts: VideoFacts
    """Frame count and size, as the skeletons state them."""

    def probe(self) -> VideoFacts:
        """Frame count and size, as the annotation states them."""
        return self.facts

    def frames(
        self,
        wanted: Sequence[int],  # noqa: ARG002  # as VideoSource has it
    ) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """VideoError: there are none."""
        raise VideoError(
            f"{self.clip_id}: its dataset has skeletons and no videos; put them there, or name them where an "
            "option does"
        )

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """Raise VideoError: there is no video."""
        return self.frames(wanted)


def without_video(clip_id: str, num_frames: int, size: tuple[int, int] = FRAME_SIZE) -> NoVideo:
    """The stand-in for a video of `num_frames` pictures of `size` (height, width)."""
    return NoVideo(clip_id, VideoFacts(num_frames, *size, 0.0, None))
