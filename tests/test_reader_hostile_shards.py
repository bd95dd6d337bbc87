"""Shards made to harm, under manifests that hold: refused before anything is unpacked or believed."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from feature_store import copied, make_store, seal
from numcodecs.zstd import Zstd

from cache import StoreError
from cache.harstore import open
from cache.shards.chunk_index import crc_of
from cache.shards.zstd import content_size


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of one's own to spoil."""
    return copied(make_store(tmp_path / "sound", clips=20), tmp_path / "store.zarr")


def test_an_index_that_points_elsewhere(store: Path) -> None:
    """With a checksum that holds: chunks beyond the file, and of other lengths."""
    shard = store / "video_0" / "c.0.0.0"
    data = shard.read_bytes()
    for offset, length in ((2**63, 260), (0, 2**62), (0, 3), (len(data), 260)):
        index = struct.pack("<QQ", offset, length) + data[-4 * 16 - 4 :][16:-4]
        shard.write_bytes(data[: -4 * 16 - 4] + index + crc_of(index))
        seal(store)
        with pytest.raises(ValueError, match="its index names chunks that cannot be there"):
            open(store)["video_0"][0]


def test_a_chunk_that_unpacks_to_more_than_it_may(store: Path) -> None:
    """A bomb of 64 MB in the ids' chunk: its frame says so, and is not unpacked."""
    bomb = bytes(Zstd(level=19).encode(bytes(64 << 20)))
    chunk = bomb + crc_of(bomb)
    index = struct.pack("<QQ", 0, len(chunk))
    (store / "clip_id" / "c.0.0").write_bytes(chunk + index + crc_of(index))
    seal(store)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match="its frame holds 67108864 bytes, expected 80"):
            open(store)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 20])
def test_what_a_zstd_frame_says_that_it_holds(size: int) -> None:
    frame = bytes(Zstd(level=3).encode(np.random.default_rng(0).bytes(size)))
    assert content_size(frame[:18]) == size
    assert content_size(b"PK\x03\x04" + frame) is None
    assert content_size(frame[:4]) is None
