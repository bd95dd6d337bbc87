import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from cache import Cache, Digests, file_sha256

OLD_NS = 1_600_000_000 * 10**9


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often a file's sha256 is really taken."""
    reads, real = [], hashlib.file_digest

    def counting(file: Any, how: Any) -> Any:
        reads.extend([1] * (how == "sha256"))
        return real(file, how)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    return reads


def test_it_is_the_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "file", Cache(tmp_path / "cache")) == expected


def test_a_file_that_stayed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = counted(monkeypatch)
    monkeypatch.setattr("cache.home.digests._RACY_NS", -(10**12))  # as if the file had been there for long
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with Digests(Cache(tmp_path / "cache")) as digests:
        first = digests.sha256(path)
        assert digests.sha256(path) == first
        assert len(reads) == 1
        stamp = path.stat().st_mtime_ns
        path.write_bytes(b"abd")
        os.utime(path, ns=(stamp, stamp))  # same size, same mtime: the inode's ctime tells
        assert digests.sha256(path) != first
    assert len(reads) == 2


def test_a_file_just_touched_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = counted(monkeypatch)
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    os.utime(path, ns=(OLD_NS, OLD_NS))
    with Digests(Cache(tmp_path / "cache")) as digests:
        digests.sha256(path)
        digests.sha256(path)
    assert len(reads) == 2


def test_a_flipped_digest_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cache.home.digests._RACY_NS", -(10**12))
    (tmp_path / "file").write_bytes(b"abc")
    cache = Cache(tmp_path / "cache")
    right = file_sha256(tmp_path / "file", cache)
    (table,) = (cache.root / "digests").glob("*.sqlite")
    wrong = ("0" if right[0] != "0" else "1") + right[1:]
    table.write_bytes(table.read_bytes().replace(right.encode(), wrong.encode()))
    assert file_sha256(tmp_path / "file", cache) == right
