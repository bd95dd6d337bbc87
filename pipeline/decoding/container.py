"""Opening a video file: which of its streams is meant, and whose fault it is when it cannot be read."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import VideoError

MACHINE_ERRNOS = frozenset((errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR))
"""The machine refuses, it is not the file's bytes that decide: passed on, never recorded as a bad clip.

Want of memory is the file's: FFmpeg says so of damaged headers that ask for absurd sizes, before it takes any.
"""

STILLS = Disposition.attached_pic | Disposition.timed_thumbnails
"""Cover pictures and thumbnails, which containers keep as video streams."""


@contextmanager
def open_stream(path: Path, *, threads: int = 1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Container and first video stream that is no cover picture; what FFmpeg finds wrong is a VideoError.

    Titles and comments need not be UTF-8: nobody here reads them.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = _first_moving(container, path.name)
            stream.codec_context.thread_count = threads
            yield container, stream
    except FileNotFoundError as error:
        raise VideoError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    except FFmpegError as error:
        if error.errno in MACHINE_ERRNOS:
            raise
        raise VideoError(f"{path.name}: cannot be decoded ({error.strerror}); fetch it again") from error


def moving(container: InputContainer) -> list[VideoStream]:
    """Video streams that are no cover pictures."""
    return [stream for stream in container.streams.video if not stream.disposition & STILLS]


def _first_moving(container: InputContainer, name: str) -> VideoStream:
    streams = moving(container)
    if not streams:
        raise VideoError(f"{name}: holds no video stream; name a video file")
    if streams[0].codec_context is None:
        raise VideoError(
            f"{name}: no decoder for its video; its header is damaged, or FFmpeg lacks the codec: "
            "fetch or encode it again"
        )
    return streams[0]
