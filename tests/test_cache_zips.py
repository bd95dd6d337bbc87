"""Zips that lie about where their entries are and what they hold; the importer and the reader ask one place."""

import struct
import zipfile
from pathlib import Path

import pytest

from cache import ArchiveError
from cache.exchange.archives import stored_entries
from cache.store.zips import stored_infos

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
SIZES = {"a": 500, "b": 50, "c": 50}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        for name, size in SIZES.items():
            archive.writestr(name, b"x" * size)
    return tmp_path / "source.zip"


def place_of(data: bytes, header: bytes, name: bytes) -> int:
    """Where the header of an entry with a name of one letter begins."""
    length = {LOCAL: 30, CENTRAL: 46}[header]
    places = (place for place in range(len(data)) if data.startswith(header, place))
    return next(place for place in places if data[place + length : place + length + 1] == name)


def patched(path: Path, header: bytes, name: bytes, offset: int, form: str, value: int | bytes) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, place_of(bytes(data), header, name) + offset, value)
    path.write_bytes(data)


def refused_by_both(path: Path, message: str) -> None:
    with path.open("rb") as file, pytest.raises(ArchiveError, match=message):
        stored_infos(file, str(path))
    refused_by_importer(path, message)


def refused_by_importer(path: Path, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        stored_entries(path)


def test_an_honest_zip(path: Path) -> None:
    entries = stored_entries(path)
    assert {name: entry.size for name, entry in entries.items()} == SIZES
    data = path.read_bytes()
    assert all(data[entry.offset :].startswith(b"x" * entry.size) for entry in entries.values())


@pytest.mark.parametrize("own_header", [True, False])
def test_an_entry_inside_another(path: Path, own_header: bool) -> None:
    """b is made to point into a, where a header for b may lie as well: how a small file becomes a large one."""
    if own_header:
        data = bytearray(path.read_bytes())
        header = place_of(bytes(data), LOCAL, b"b")
        data[100:131] = data[header : header + 31]
        path.write_bytes(data)
    patched(path, CENTRAL, b"b", 42, "<I", 100 if own_header else 0)
    refused_by_both(path, "lies over another")


def test_an_entry_that_begins_outside(path: Path) -> None:
    patched(path, CENTRAL, b"c", 42, "<I", 0xFFFF_FFF0)
    refused_by_both(path, "begins outside the file")


def test_an_entry_that_reaches_into_the_next_ones_header(path: Path) -> None:
    """By a few bytes, which are fewer than that header has."""
    for header, offset in ((CENTRAL, 20), (LOCAL, 18)):
        patched(path, header, b"b", offset, "<Q", 51 << 32 | 51)  # packed and unpacked size
    refused_by_both(path, "lies over another")


def test_bytes_that_only_the_own_header_moves(path: Path) -> None:
    """What stands before an entry's bytes is told by its own header alone."""
    patched(path, LOCAL, b"a", 28, "<H", 100)
    refused_by_importer(path, "'b' lies over another")


def test_bytes_behind_the_end(path: Path) -> None:
    patched(path, LOCAL, b"c", 28, "<H", 60_000)
    refused_by_importer(path, "'c' ends behind the zip's end")


def test_another_name_in_its_own_header(path: Path) -> None:
    patched(path, LOCAL, b"b", 30, "1s", b"d")
    refused_by_importer(path, "'b' is another one in its own header")


def test_encrypted_entries(path: Path) -> None:
    for header, offset in ((CENTRAL, 8), (LOCAL, 6)):
        patched(path, header, b"b", offset, "<H", 1)
    refused_by_both(path, "'b' is encrypted")


def test_an_entry_without_a_name(path: Path) -> None:
    patched(path, CENTRAL, b"b", 46, "1s", b"\0")
    refused_by_both(path, "is no name of a store's file")
