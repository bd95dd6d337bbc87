"""Clips that are parts of a long recording: the recording is decoded once, as long as they are asked for in order."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.video.planes import Planes
from pipeline.video.video import AvVideo, Forward, VideoFacts, check_wanted


class Recording(AvVideo):
    """A video file that stays open where the last pass over it ended: one that begins later goes on from there.

    Pictures that no wanted one is drawn from are left out whatever its length. One pass at a time; what fails closes
    the file.
    """

    _leaves_out = True

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        super().__init__(path, threads=threads)
        self._open = ExitStack()
        self._at: Forward | None = None

    @cached_property
    def _facts(self) -> VideoFacts:
        return super().probe()

    def probe(self) -> VideoFacts:
        """Count and measure as `AvVideo` does, once. Raises VideoError."""
        return self._facts

    @contextmanager
    def _forward(self, first: int) -> Iterator[Forward]:
        """Go on where the file stands, or, where that is beyond what is wanted, from its start."""
        if self._at is None or self._at.last >= max(first, self._at.first):
            self._open.close()
            self._at = self._from_start(first, self._open)
        try:
            yield self._at
        except BaseException:
            self._at = None
            with self._open.pop_all():  # what FFmpeg finds wrong becomes a VideoError there
                raise


class Excerpt:
    """Frames `start` to `end` (half open) of a recording, numbered from 0."""

    def __init__(self, clip_id: str, recording: AvVideo, *, start: int, end: int) -> None:
        self.clip_id = clip_id
        self.recording = recording
        self.start = start
        self.end = end

    def probe(self) -> VideoFacts:
        """Measure the recording; the clip ends where that does. Raises VideoError where it begins later."""
        whole = self.recording.probe()
        if self.start >= whole.num_frames:
            raise VideoError(
                f"{self.clip_id}: it begins at frame {self.start} of {self.recording.path.name}, which has "
                f"{whole.num_frames}; check the labels, or fetch the video again"
            )
        undecodable = min(max(0, whole.undecodable_frames - self.start), self.end - self.start)
        num_frames = min(self.end, whole.num_frames) - self.start
        return replace(whole, num_frames=num_frames, header_frames=None, undecodable_frames=undecodable)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (number within the clip, RGB frame) of each wanted frame. Raises VideoError."""
        for number, frame in self.recording.frames(self._numbers(wanted)):
            yield number - self.start, frame
            del frame

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8] | Planes]]:
        """Yield the same as `frames`, as the recording's `pictures` are."""
        for number, picture in self.recording.pictures(self._numbers(wanted)):
            yield number - self.start, picture
            del picture

    def _numbers(self, wanted: Sequence[int]) -> list[int]:
        """Frame numbers of the recording."""
        numbers = check_wanted(wanted)
        if numbers and numbers[-1] >= self.end - self.start:
            raise VideoError(
                f"{self.clip_id}: holds {self.end - self.start} frames, frame {numbers[-1]} is wanted"
            )
        return [self.start + number for number in numbers]
