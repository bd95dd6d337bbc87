"""A video that lies there as a folder of pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import VideoError
from pipeline.video.video import VideoFacts, check_wanted


class PictureFolder:
    """Pictures in the order given, one a frame, all of one size."""

    def __init__(self, name: str, paths: Sequence[Path]) -> None:
        self.name = name
        self.paths = tuple(paths)

    def probe(self) -> VideoFacts:
        """Count the pictures and read the first; when each was taken is not known. Raises VideoError."""
        if not self.paths:
            raise VideoError(f"{self.name}: the folder holds no picture; fetch it again")
        height, width = _read(self.paths[0]).shape[:2]
        return VideoFacts(len(self.paths), height, width, 0.0, None)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (number, (H, W, 3) RGB) for each wanted frame. Raises VideoError."""
        shape: tuple[int, ...] = ()
        for number in check_wanted(wanted):
            if number >= len(self.paths):
                raise VideoError(f"{self.name}: holds {len(self.paths)} pictures, frame {number} is wanted")
            picture = _read(self.paths[number])
            if shape not in ((), picture.shape):
                raise VideoError(
                    f"{self.name}: {self.paths[number].name} is {picture.shape[:2]}, others are {shape[:2]}"
                )
            shape = picture.shape
            yield number, picture

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the same as `frames`."""
        return self.frames(wanted)


def _read(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise VideoError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise VideoError(f"{path.name}: no picture could be decoded; fetch it again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
