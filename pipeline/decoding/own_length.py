"""The length that a file's own structure states: AVI (RIFF) and Matroska (EBML) count their bytes.

Losing the last frames and the index is seen nowhere else: a demuxer takes the end of the file for the end
of the video.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import VideoError

RIFF_HEAD_BYTES = 8
"""Before what an AVI's size counts; writers that count them too are believed."""
RIFF_UNKNOWN = 0x7FFF_FFFF
"""Sizes from here on say that the writer did not know it."""
LISTS = (b"RIFF", b"LIST")
FOLDERS = (b"AVI ", b"AVIX", b"movi", b"rec ")
"""Lists that hold a video's chunks, or lists that do."""

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
ID_BYTES = 4


def refuse_cut_short(path: Path) -> None:
    """VideoError where an AVI or a Matroska file (WebM too) has fewer bytes than it says that it has."""
    found = path.stat().st_size
    with path.open("rb") as file:
        promised = _promised(file)
    if promised is not None and found < promised:
        raise VideoError(
            f"{path.name}: truncated: its header promises {promised} bytes, it has {found}; fetch it again"
        )


def _promised(file: BinaryIO) -> int | None:
    head = file.read(12).ljust(12, b"\0")
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        size = int.from_bytes(head[4:8], "little")
        return size if size + RIFF_HEAD_BYTES < RIFF_UNKNOWN else None
    if head[:4] != EBML:
        return None
    file.seek(ID_BYTES)
    file.seek(_ebml_size(file) or 0, 1)
    if file.read(ID_BYTES) != SEGMENT:
        return None
    size_of_segment = _ebml_size(file)
    return None if size_of_segment is None else file.tell() + size_of_segment


def _ebml_size(file: BinaryIO) -> int | None:
    """A size as EBML writes it: leading zero bits say how many bytes follow. All ones: not known."""
    first = file.read(1)
    if not first or first == b"\0":
        return None
    following = 8 - first[0].bit_length()
    bits = 7 * (following + 1)
    size = int.from_bytes(first + file.read(following), "big") & ((1 << bits) - 1)
    return None if size == (1 << bits) - 1 else size


def count_avi_chunks(path: Path, stream: int) -> int:
    """Chunks of one stream's pictures in an AVI, empty ones too; demuxers are silent about those at its end."""
    wanted = tuple(f"{stream:02d}{kind}".encode() for kind in ("dc", "db"))
    with path.open("rb") as file:
        return sum(name in wanted for name in _chunks(file, path.stat().st_size))


def _chunks(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Names of all chunks; what lies in a list that holds frames is read as if it lay beside it."""
    while file.tell() + RIFF_HEAD_BYTES <= end:
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        start = file.tell()
        if name in LISTS and file.read(4) in FOLDERS:
            continue
        yield name
        file.seek(start + size + size % 2)
