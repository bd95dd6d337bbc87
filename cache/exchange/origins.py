"""Sources of an imported store: a zip, a folder or an address; listed first, then read file by file, bounded."""

import os
import stat
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from ..errors import ArchiveError, StoreError
from ..files import full_disk_explained
from .archives import copy_hashed, stored_entries

_WAIT_SECONDS = 60.0
_MAX_DEPTH = 3


class Origin(ABC):
    """One store's files, nothing of which is believed yet."""

    where: str
    """Name of the source in messages."""

    @abstractmethod
    def sizes(self) -> Mapping[str, int] | None:
        """Every file's size by name; None where that can't be listed. Raises ArchiveError of what can't be."""

    @abstractmethod
    def opened(self, name: str) -> IO[bytes]:
        """One file, from its start. Raises ArchiveError where it is not there, or is no plain file."""

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file."""
        with self.opened(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ArchiveError(f"{self.where}: {name} holds more than {limit:,} bytes: refused")
        return data


class FolderOrigin(Origin):
    """A folder; links in it are not followed, wherever they lead."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.where = folder, str(folder)

    def sizes(self) -> Mapping[str, int]:
        """Walk the folder; return every file's size by name."""
        return dict(self._walk(self.folder, ""))

    def opened(self, name: str) -> IO[bytes]:
        """Opened as a file and as nothing else: what changes meanwhile is refused by the system."""
        try:
            handle = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise ArchiveError(f"{self.where}: {name} can't be read: {error.strerror}") from error
        return os.fdopen(handle, "rb")

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        for entry in sorted(os.scandir(folder), key=lambda e: e.name):
            name, found = prefix + entry.name, entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and name.count("/") < _MAX_DEPTH:
                yield from self._walk(Path(entry.path), f"{name}/")
            elif stat.S_ISREG(found.st_mode):
                yield name, found.st_size
            else:
                kind = "a link" if entry.is_symlink() else "neither a file nor a store's folder"
                raise ArchiveError(
                    f"{self.where}: {name!r:.100} is {kind}; a store to import has plain files (cp -rL makes them)"
                )


class ZipOrigin(Origin):
    """A zip as `cache export` writes it."""

    def __init__(self, path: Path, where: str | None = None) -> None:
        self.path, self.where = path, where or str(path)
        self._entries = stored_entries(path)

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes that the zip lists, checked against its contents."""
        return {name: entry.size for name, entry in self._entries.items()}

    def opened(self, name: str) -> IO[bytes]:
        """From the entry's first byte; who reads on reads into the next."""
        if name not in self._entries:
            raise ArchiveError(f"{self.where} holds no {name}: no store, or not one at the zip's root")
        file = self.path.open("rb")
        file.seek(self._entries[name].offset)
        return file

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file, no further than it goes."""
        with self.opened(name) as file:
            size = self._entries[name].size
            if size > limit:
                raise ArchiveError(f"{self.where}: {name} holds {size:,} bytes, over {limit:,}: refused")
            return file.read(size)


class WebOrigin(Origin):
    """A store's folder behind an address; nothing lists it but its manifest."""

    def __init__(self, url: str) -> None:
        self.where = url.rstrip("/")

    def sizes(self) -> None:
        """Return None: a web server lists no files."""

    def opened(self, name: str) -> IO[bytes]:
        """Request one file and return its body."""
        return answered(f"{self.where}/{quote(name)}")


def answered(url: str) -> IO[bytes]:
    """Open the body of an http or https address. Raises StoreError where there is no answer."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ArchiveError(f"{url} is neither a file here nor an http(s) address")
    try:
        answer: IO[bytes] = urllib.request.urlopen(url, timeout=_WAIT_SECONDS)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise StoreError(f"{url} can't be fetched: {error}") from error
    return answer


@contextmanager
def origin_of(source: str, beside: Path) -> Iterator[Origin]:
    """The right one for `source`; a zip behind an address is fetched to `beside` first."""
    path = Path(source)
    if path.is_dir():
        yield FolderOrigin(path)
    elif path.is_file():
        yield ZipOrigin(path)
    elif "://" not in source:
        raise StoreError(f"{source}: no such file or folder")
    elif urlsplit(source).path.endswith(".zip"):
        _fetch(source, beside)
        yield ZipOrigin(beside, source)
    else:
        yield WebOrigin(source)


def _fetch(url: str, target: Path) -> None:
    """As many bytes as were announced, no more."""
    with answered(url) as answer:
        length = getattr(answer, "length", None)
        if length is None:
            raise StoreError(
                f"{url}: the server does not say how large it is; fetch it by hand and import the file"
            )
        with full_disk_explained(target, url), target.open("xb") as file:
            copy_hashed(answer, file, length)
            if file.tell() != length:
                raise StoreError(f"{url} ended after {file.tell():,} of {length:,} bytes; fetch it again")
