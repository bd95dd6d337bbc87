"""Videos of people that the stand-in networks see: each a red dot above a green above a blue one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH, FRAMES = 96, 128, 12
DOT, APART = 4, 24
"""Pixels: side of a dot, and from one dot to the next."""


def person(picture: NDArray[np.uint8], x: int, y: int, light: int = 255) -> None:
    """Draw one person whose red dot has its left upper corner at (x, y)."""
    for colour in range(3):
        top = y + colour * APART
        picture[top : top + DOT, x : x + DOT] = 0
        picture[top : top + DOT, x : x + DOT, colour] = light


def pictures(*starts: tuple[int, int], step: int = 2, frames: int = FRAMES) -> list[NDArray[np.uint8]]:
    """(H, W, 3) pictures of people who start at these places and go right by `step` pixels a frame."""
    made = []
    for number in range(frames):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for x, y in starts:
            person(picture, x + step * number, y)
        made.append(picture)
    return made


def video(path: Path, frames: Sequence[NDArray[np.uint8]]) -> Path:
    """Those pictures, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def weights(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """A network's entries in params, its file below `folder`."""
    (folder / name).write_bytes(content)
    return {"engine": "rtmlib", "weights": name, "sha256": hashlib.sha256(content).hexdigest()}
