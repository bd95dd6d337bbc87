"""Zips that strangers made: refused with the reason, before anything of them is believed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from feature_store import make_store, zipped

from cache import StoreError
from cache.harstore import open


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("sound"), clips=20)


def entries(*names: str) -> list[tuple[str, bytes]]:
    return [(name, b"x" * 100) for name in names]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (entries("../outside"), "is no name of a store's file"),
        (entries("/etc/passwd"), "is no name of a store's file"),
        (entries("video_0/../../x"), "is no name of a store's file"),
        (entries("video_0\\..\\x"), "is no name of a store's file"),
        (entries("video_0/é"), "is no name of a store's file"),
        (entries("manifest.json"), "stands twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zips_with_entries_that_no_store_has(
    sound: Path, tmp_path: Path, more: list[tuple[str, bytes]], message: str
) -> None:
    path = zipped(sound, tmp_path / "bad.zip")
    with zipfile.ZipFile(path, "a") as archive:
        for name, data in more:
            archive.writestr(name, data)
    with pytest.raises(StoreError, match=message):
        open(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.zip"]


def test_a_zip_whose_entries_are_packed(sound: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is compressed"):
        open(zipped(sound, tmp_path / "packed.zip", compression=zipfile.ZIP_DEFLATED))


def test_zips_that_are_none_or_spoilt(sound: Path, tmp_path: Path) -> None:
    whole = zipped(sound, tmp_path / "whole.zip").read_bytes()
    rng = np.random.default_rng(0)
    spoilt = [b"", b"PK", whole[:1000], whole[-100:], whole[1000:], bytes(5000)]
    for place in rng.integers(whole.index(b"PK\x01\x02"), len(whole), 60).tolist():
        spoilt.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    refused = 0
    for data in spoilt:
        (tmp_path / "spoilt.zip").write_bytes(data)
        try:
            with open(tmp_path / "spoilt.zip") as reader:
                np.asarray(reader["video_0"])
        except StoreError:
            refused += 1
    assert refused >= 0.5 * len(spoilt)  # dates and the like may be anything


def test_a_zip_whose_entries_overlap(sound: Path, tmp_path: Path) -> None:
    """Two names for one place: how a small file becomes a large one."""
    path = zipped(sound, tmp_path / "overlap.zip")
    data = bytearray(path.read_bytes())
    places = [place for place in range(len(data)) if data[place : place + 4] == b"PK\x01\x02"]
    data[places[1] + 42 : places[1] + 46] = data[places[0] + 42 : places[0] + 46]
    path.write_bytes(data)
    with pytest.raises(StoreError, match="lies over another"):
        open(path)
