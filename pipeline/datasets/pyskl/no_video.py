"""What stands for a clip's video where there are skeletons alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.video.video import VideoFacts


@dataclass(frozen=True, slots=True)
class NoVideo:
    """Frames that were counted and measured, and cannot be seen."""

    clip_id: str
    facts: VideoFacts
    """As the skeletons' file tells them."""

    @property
    def decoder(self) -> str:
        """None is needed."""
        return "none"

    def probe(self) -> VideoFacts:
        """What is told."""
        return self.facts

    def frames(
        self,
        wanted: Sequence[int],  # noqa: ARG002  # as VideoSource has it
    ) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """VideoError: there are none."""
        raise VideoError(
            f"{self.clip_id}: its dataset has skeletons and no videos; name them with the option `videos`"
        )

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """VideoError likewise."""
        return self.frames(wanted)
