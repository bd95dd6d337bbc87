"""The two files of a clip in NTU RGB+D's forms; each is written whole or not at all."""

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.demo.camera import FPS, HEIGHT, WIDTH
from pipeline.demo.draw import Image
from pipeline.demo.record import Recording

VIDEO_FOLDER, SKELETON_FOLDER = "nturgb+d_rgb", "nturgb+d_skeletons"
PARTIAL = ".partial"
"""Ending of a file that is being written; what a killed run leaves of it is swept by the next."""

_SENSOR = 72057594037927936
"""2^56: the sensor's body ids lie above it."""
_HEADER = "{body} 0 1 1 1 1 0 0 0 2"
"""bodyID clipedEdges, confidence and state of both hands, isRestricted, lean x and y, tracked."""
_NO_ORIENTATION = "0 0 0 0"
"""As the sensor writes it for joints whose orientation it doesn't know."""


def video_path(clip_id: str) -> Path:
    """Return the path of a clip's video in the dataset's folder."""
    return Path(VIDEO_FOLDER) / f"{clip_id}_rgb.avi"


def skeleton_path(clip_id: str) -> Path:
    """Return the path of a clip's skeleton in the dataset's folder."""
    return Path(SKELETON_FOLDER) / f"{clip_id}.skeleton"


def encode_video(frames: Image, *, title: str) -> bytes:
    """(T, H, W, 3) uint8 RGB -> an AVI file with MPEG-4 inside.

    One thread, so that the bytes don't depend on the machine's cores.
    """
    file = BytesIO()
    with av.open(file, "w", format="avi") as container:
        container.metadata["title"] = title
        codec: Any = container.add_stream("mpeg4", rate=FPS)
        codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        codec.thread_count = 1
        codec.bit_rate = 2_500_000
        codec.options = {"qmin": "2", "qmax": "5", "flags": "+bitexact"}
        for image in frames:
            container.mux(codec.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(codec.encode())
    return file.getvalue()


def skeleton_text(recording: Recording, *, clip_id: str) -> str:
    """The text of a .skeleton file: frames, their bodies, 25 joints each of 12 numbers (SPEC 0.2)."""
    lines = [str(len(recording.present))]
    first_body = _SENSOR + int.from_bytes(hashlib.blake2b(clip_id.encode(), digest_size=3).digest(), "big")
    numbers = np.concatenate([recording.joints, recording.depth, recording.colour], axis=-1)
    for time, present in enumerate(recording.present):
        bodies = np.flatnonzero(present)
        lines.append(str(len(bodies)))
        for body in bodies:
            lines.append(_HEADER.format(body=first_body + body))
            lines.append(str(numbers.shape[2]))
            lines += [_joint(values) for values in numbers[time, body].tolist()]
    return "\r\n".join(lines) + "\r\n"


def _joint(values: list[float]) -> str:
    """x y z depthX depthY colourX colourY, orientation, tracking state (2 tracked, 0 not)."""
    known = values[0] == values[0]
    text = " ".join("NaN" if value != value else f"{value:.7g}" for value in values)
    return f"{text} {_NO_ORIENTATION} {2 if known else 0}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at no time a part of it bears its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
