"""A zip that holds a store: which entries may stand in it, and where their bytes lie. Its maker is not believed.

Refused is what could lead anywhere else: names with `..`, drives or backslashes, links, entries that are compressed,
encrypted, doubled or overlap. Nothing is unpacked to find that out.
Source: PKWARE APPNOTE 6.3.10, 4.3.7 (local file header).
"""

import io
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from ..errors import ArchiveError

MAX_NAME = 200
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1


def refuse_name(name: str, where: str) -> None:
    """Raises ArchiveError unless `name` is a plain one, relative, of at most three parts: array/c.0.0."""
    parts = name.split("/")
    if len(name) > MAX_NAME or len(parts) > 3 or not all(_PART.fullmatch(part) for part in parts):
        raise ArchiveError(
            f"{where}: {name!r:.100} is no name of a store's file (letters, digits, _ . - between /): "
            "take it out"
        )


def stored_infos(file: IO[bytes], where: str) -> dict[str, zipfile.ZipInfo]:
    """Return the zip's directory by name. Raises ArchiveError where an entry is anything but a plain stored file."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not _is_folder(info)]
        size = file.seek(0, io.SEEK_END)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        raise ArchiveError(f"{where} is no zip that can be read ({error}); fetch it again") from error
    known: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        refuse_name(info.orig_filename, where)
        why = _why_refused(info, known, size)
        if why is not None:
            raise ArchiveError(
                f"{where}: entry {info.filename!r} {why}; zip the store again (`cache export`, or zip -0)"
            )
        known[info.filename] = info
    _refuse_overlap([(info.header_offset, _least_bytes(info), info) for info in infos], where)
    return known


def data_offset(read: Callable[[int, int], bytes], info: zipfile.ZipInfo, where: str) -> int:
    """Return the offset of an entry's bytes: behind its own header, which must name the same file.

    `read(offset, size)` gives bytes of the zip, fewer at its end.
    """
    name = info.orig_filename.encode()
    head = read(info.header_offset, _LOCAL.size + len(name))
    fields: tuple[Any, ...] = _LOCAL.unpack(head[: _LOCAL.size].ljust(_LOCAL.size, b"\0"))
    header = fields[0], fields[3], fields[9], head[_LOCAL.size :]
    if header != (_LOCAL_MAGIC, zipfile.ZIP_STORED, len(name), name):
        raise ArchiveError(f"{where}: entry {info.filename!r} is another one in its own header")
    return info.header_offset + _LOCAL.size + int(fields[9]) + int(fields[10])


def refuse_shared_bytes(
    offsets: Mapping[str, int], infos: Mapping[str, zipfile.ZipInfo], size: int, where: str
) -> None:
    """Raises ArchiveError where entries, whose bytes begin at `offsets`, hold more than the zip's `size`."""
    for name, info in infos.items():
        if offsets[name] + info.file_size > size:
            raise ArchiveError(f"{where}: entry {name!r} ends behind the zip's end; fetch it again")
    _refuse_overlap([(offsets[name], info.file_size, info) for name, info in infos.items()], where)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """The entry of a folder, which some tools write: it holds nothing."""
    name = info.filename
    return name.endswith("/") and info.file_size == 0 and ".." not in name and not name.startswith("/")


def _least_bytes(info: zipfile.ZipInfo) -> int:
    """That an entry takes, with its own header; what that header may hold beside is not known yet."""
    return _LOCAL.size + len(info.orig_filename.encode()) + info.file_size


def _why_refused(info: zipfile.ZipInfo, known: Mapping[str, zipfile.ZipInfo], size: int) -> str | None:
    if info.filename in known:
        return "stands twice"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return (
            f"is compressed ({info.compress_size:,} bytes for {info.file_size:,}); a store's files are stored"
        )
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device"
    return None if 0 <= info.header_offset < size else "begins outside the file"


def _refuse_overlap(spans: Iterable[tuple[int, int, zipfile.ZipInfo]], where: str) -> None:
    end = 0
    for offset, size, info in sorted(spans, key=lambda span: span[0]):
        if offset < end:
            raise ArchiveError(f"{where}: entry {info.filename!r} lies over another; a bomb?")
        end = offset + size
