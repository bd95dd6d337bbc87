"""A store as one zip: its files stored as they are, by plain names, so that every byte has one place."""

import os
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO

from ..errors import ArchiveError, StoreError
from ..files import full_disk_explained, sync_folder
from ..keys import KEY_BYTES
from ..locks import aside
from ..store.zips import data_offset, refuse_shared_bytes, stored_infos

_EPOCH = (1980, 1, 1, 0, 0, 0)
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the zip: its offset and size."""

    name: str
    offset: int
    """Offset of its first byte in the zip."""
    size: int


def refuse_twins(names: Iterable[str], where: str) -> None:
    """Raises ArchiveError where two names are one on a file system that ignores case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ArchiveError(f"{where}: {other!r} and {name!r} are one name on some file systems")


def stored_entries(path: Path) -> dict[str, Entry]:
    """Every file in the zip by name. Raises ArchiveError where one is anything but a plain stored file."""
    where = str(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        infos = stored_infos(file, where)
        offsets = {name: data_offset(read, info, where) for name, info in infos.items()}
    refuse_shared_bytes(offsets, infos, size, where)
    refuse_twins(infos, where)
    return {name: Entry(name, offsets[name], info.file_size) for name, info in infos.items()}


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


def _add(archive: zipfile.ZipFile, name: str, path: Path, expected: str | None) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.create_system = 3  # Unix, on every machine: the bytes shall be the same
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as target:
        digest = copy_hashed(source, target)
    if expected is not None and digest != expected:
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
