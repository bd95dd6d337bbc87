"""A store as one zip: its files stored as they are, by plain names, so that every byte has one place.

What comes from elsewhere is refused where it could lead anywhere else: names with `..`, drives or backslashes, links,
entries that are compressed, encrypted, doubled or overlap. Nothing is unpacked to find that out.
"""

import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from ..errors import ArchiveError, StoreError
from ..files import full_disk_explained, sync_folder
from ..keys import KEY_BYTES
from ..locks import aside

MAX_NAME = 200
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the zip, addressed by offset."""

    name: str
    offset: int
    """Of its first byte, in the zip."""
    size: int


def refuse_name(name: str, where: str) -> None:
    """Raises ArchiveError unless `name` is a plain one, relative, of at most three parts: array/c.0.0."""
    parts = name.split("/")
    if len(name) > MAX_NAME or len(parts) > 3 or not all(_PART.fullmatch(part) for part in parts):
        raise ArchiveError(
            f"{where}: {name!r:.100} is no name of a store's file (letters, digits, _ . - between /); "
            "it could lead out of the folder"
        )


def refuse_twins(names: Iterable[str], where: str) -> None:
    """Raises ArchiveError where two names are one on a file system that ignores case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ArchiveError(f"{where}: {other!r} and {name!r} are one name on some file systems")


def stored_entries(path: Path) -> dict[str, Entry]:
    """Every file in the zip by name. Raises ArchiveError where one is anything but a plain stored file."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            infos = [info for info in archive.infolist() if not _is_root(info)]
            size = os.fstat(file.fileno()).st_size
            entries: dict[str, Entry] = {}
            for info in infos:
                _refuse_entry(info, path, entries)
                entries[info.filename] = Entry(info.filename, _data_offset(file, info, path), info.file_size)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{path} is no zip that can be read ({error}); fetch it again") from error
    _refuse_overlap(entries, size, path)
    refuse_twins(entries, str(path))
    return entries


def write_zip(out: Path, files: Mapping[str, tuple[Path, str | None]]) -> int:
    """Write the zip, whole or not at all; the same files give the same bytes. Gives its size.

    files: name to where it lies and the blake2b-160 that it must have; None where nothing tells it.
    """
    with aside(out, "exporting") as place:
        with full_disk_explained(place, out.name), place.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, (path, digest) in sorted(files.items()):
                    _add(archive, name, path, digest)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        place.rename(out)
    sync_folder(out.parent)
    return size


def _add(archive: zipfile.ZipFile, name: str, path: Path, told: str | None) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.create_system = 3  # Unix, on every machine: the bytes shall be the same
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as target:
        digest = copy_hashed(source, target)
    if told is not None and digest != told:
        raise StoreError(
            f"{path} is not what its manifest says; mend the store first: python cli.py cache repair"
        )


def copy_hashed(source: IO[bytes], target: IO[bytes], limit: int | None = None) -> str:
    """Copy to the end, or `limit` bytes at most; gives the blake2b-160 of what was copied."""
    digest = blake2b(digest_size=KEY_BYTES)
    left = float("inf") if limit is None else limit
    while left > 0 and (data := source.read(int(min(left, _COPY_BYTES)))):
        digest.update(data)
        target.write(data)
        left -= len(data)
    return digest.hexdigest()


def _is_root(info: zipfile.ZipInfo) -> bool:
    """The entry of a folder, which some tools write: it holds nothing."""
    return info.is_dir() and info.file_size == 0 and ".." not in info.filename and info.filename[0] != "/"


def _refuse_entry(info: zipfile.ZipInfo, path: Path, known: Mapping[str, Entry]) -> None:
    where, name = str(path), info.orig_filename
    refuse_name(name, where)
    mode = info.external_attr >> 16
    why = None
    if name in known:
        why = "stands twice"
    elif info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        why = (
            f"is compressed ({info.compress_size:,} bytes for {info.file_size:,}); a store's files are stored"
        )
    elif info.flag_bits & _ENCRYPTED:
        why = "is encrypted"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        why = "is a link or a device"
    if why is not None:
        raise ArchiveError(f"{where}: entry {name!r} {why}; export the store again with `cache export`")


def _data_offset(file: IO[bytes], info: zipfile.ZipInfo, path: Path) -> int:
    """Where the entry's bytes begin: behind its own header, which must name the same file."""
    if info.header_offset < 0:
        raise ArchiveError(f"{path}: entry {info.orig_filename!r} begins before the file does")
    file.seek(info.header_offset)
    fields: tuple[Any, ...] = _LOCAL.unpack(file.read(_LOCAL.size))
    name = file.read(fields[9])
    if fields[0] != _LOCAL_MAGIC or name != info.orig_filename.encode() or fields[3] != zipfile.ZIP_STORED:
        raise ArchiveError(f"{path}: entry {info.orig_filename!r} is another one in its own header")
    return info.header_offset + _LOCAL.size + int(fields[9]) + int(fields[10])


def _refuse_overlap(entries: Mapping[str, Entry], size: int, path: Path) -> None:
    """Entries that share bytes would unpack to more than the file holds."""
    end = 0
    for entry in sorted(entries.values(), key=lambda e: e.offset):
        if entry.offset < end or entry.offset + entry.size > size:
            raise ArchiveError(f"{path}: entry {entry.name!r} lies over another or beyond the end; a bomb?")
        end = entry.offset + entry.size
