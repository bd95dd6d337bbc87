"""Stores that are far away: what is fetched, what is kept, and which servers are refused."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from buckets import bucket
from feature_store import content, make_store, zipped
from hypothesis import given
from hypothesis import strategies as st
from serving import serving

from cache import StoreError
from cache.harstore import open
from cache.reader.remote.kept import BLOCK_BYTES
from cache.reader.remote.ranges import RemoteFile, spanned

THREE = ("c002", "c019", "c033")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    zipped(make_store(folder), folder / "features.zip")
    return folder


def expected(array: str = "video_0") -> np.ndarray[Any, Any]:
    return np.stack([content(clip_id)[array] for clip_id in THREE])


def test_a_server_that_ignores_ranges_is_refused_by_name(home: Path) -> None:
    """Python's own is one."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(home)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        for name in ("features.zarr", "features.zip"):
            with pytest.raises(StoreError, match="ignores range requests") as caught:
                open(f"http://127.0.0.1:{server.server_port}/{name}")
            assert f"127.0.0.1:{server.server_port} (SimpleHTTP" in str(caught.value)
            assert "download it" in str(caught.value)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", ["features.zarr", "features.zip"])
def test_three_clips_move_few_bytes_and_every_one_is_counted(tmp_path: Path, name: str) -> None:
    """A store of 400 clips: nothing but its description, three chunks and their shards' indices is fetched."""
    store = make_store(tmp_path, clips=400)
    size = zipped(store, tmp_path / "features.zip").stat().st_size
    with serving(tmp_path) as server, open(f"{server.url}/{name}") as reader:
        opening = reader.meter.bytes
        np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
        assert reader.meter.bytes == server.bytes
        assert reader.meter.requests == len(server.asked)
        assert reader.meter.bytes - opening < 8_000
        assert reader.meter.bytes < size / 2
        assert {asked for _, asked in server.asked if asked is None} == set()  # each request named its range


def test_a_connection_that_ends_is_made_anew_and_moved_files_are_followed(home: Path) -> None:
    with serving(home) as elsewhere:
        moved = {"/features.zarr/video_0/c.1.0.0": f"{elsewhere.url}/features.zarr/video_0/c.1.0.0"}
        with serving(home, cut=True, moved=moved) as server:
            options = {"headers": {"Authorization": "Bearer for this server only"}}
            with open(f"{server.url}/features.zarr", storage_options=options) as reader:
                np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
        assert len(elsewhere.asked) > 0
        assert all("Authorization" in headers for headers in server.headers)
        assert not any("Authorization" in headers for headers in elsewhere.headers)


@pytest.mark.parametrize(
    ("target", "message"), [("file:///etc/passwd", "is not followed"), ("/manifest", "moved on and on")]
)
def test_where_it_does_not_follow(home: Path, target: str, message: str) -> None:
    moved = {"/features.zarr/manifest.json": target, "/manifest": "/manifest"}
    with serving(home, moved=moved) as server, pytest.raises(StoreError, match=message):
        open(f"{server.url}/features.zarr")


def test_a_server_that_is_gone_and_options_it_does_not_take(home: Path) -> None:
    with serving(home) as server:
        url = f"{server.url}/features.zarr?token=secret"
        with open(url) as reader:
            assert "secret" not in repr(reader)
        with pytest.raises(StoreError, match=r"`headers` only, got \['anon'\]"):
            open(url, storage_options={"anon": True})
    with pytest.raises(StoreError, match="cannot be read") as caught:
        open(url, wait_seconds=0)
    assert "secret" not in str(caught.value)


def test_a_store_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with serving(tmp_path) as server, open(f"{server.url}/features.zarr") as reader:
        shard = store / "video_0" / "c.2.0.0"
        data = shard.read_bytes()
        shard.unlink()
        shard.write_bytes(data + b"more")
        with pytest.raises(StoreError, match=r"588 were promised: it was replaced.* Open the store again"):
            reader["video_0"].of("c033")


@pytest.mark.parametrize("name", ["features.zarr", "features.zip"])
def test_what_was_fetched_is_kept_and_a_damaged_block_is_fetched_again(
    home: Path, tmp_path: Path, name: str
) -> None:
    with serving(home) as server:
        address = f"{server.url}/{name}"
        with open(address, cache_dir=tmp_path / "kept") as reader:
            np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
        shards = [path for path, _ in server.asked if "c." in path]
        before = server.bytes
        with open(address, cache_dir=tmp_path / "kept") as reader:
            opening = server.bytes - before
            np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
            assert server.bytes - before - opening < 400  # of a zip, where each entry begins is asked again
        assert name.endswith("zip") or [path for path, _ in server.asked if "c." in path] == shards
        for block in sorted((tmp_path / "kept").rglob("*")):
            if block.is_file():
                block.write_bytes(block.read_bytes()[:-9] + b"123456789")
        with open(address, cache_dir=tmp_path / "kept") as reader:
            np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
            np.testing.assert_array_equal(reader["frames"].of(THREE), expected("frames"))


def test_kept_blocks_of_a_large_file(tmp_path: Path) -> None:
    """Ranges across blocks, the last one short."""
    from cache.reader.remote.kept import KeptFiles

    data = np.random.default_rng(0).bytes(3 * BLOCK_BYTES + 77)
    fetched: list[tuple[int, int]] = []

    class Far:
        where = "far"

        def source(self, name: str, *, size: int, digest: str) -> RemoteFile:
            def fetch(offset: int, length: int) -> bytes:
                fetched.append((offset, length))
                return data[offset : offset + length]

            return RemoteFile(name + digest, size, fetch)

    ranges = [(3 * BLOCK_BYTES + 70, 7), (5, 10), (BLOCK_BYTES - 3, 9), (0, len(data)), (len(data) - 2, 9)]
    for _ in range(2):
        file = KeptFiles(Far(), tmp_path).source("a", size=len(data), digest="d")  # type: ignore[arg-type]
        assert list(file.read_many(ranges)) == [data[offset : offset + length] for offset, length in ranges]
    assert sum(length for _, length in fetched) == len(data)


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 50_000)), min_size=1, max_size=20))
def test_ranges_are_fetched_together_and_come_apart_again(ranges: list[tuple[int, int]]) -> None:
    data = bytes(range(256)) * 1_000
    fetched: list[tuple[int, int]] = []

    def fetch(offset: int, length: int) -> bytes:
        fetched.append((offset, length))
        return data[offset : offset + length]

    inside = [(offset, min(length, len(data) - offset)) for offset, length in ranges]
    assert list(RemoteFile("far", len(data), fetch).read_many(inside)) == [data[o : o + n] for o, n in inside]
    assert len(fetched) <= len(set(ranges))
    assert len(fetched) == len(spanned(inside))


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[dict[str, Any]]:
    """Options for s3fs that lead to a bucket with the store and its zip."""
    with bucket() as served:
        served.upload(home / "features.zarr", "features.zarr")
        served.upload(home / "features.zip", "features.zip")
        yield served.options


@pytest.mark.parametrize("name", ["features.zarr", "features.zip"])
def test_s3(lab: dict[str, Any], name: str) -> None:
    with open(f"s3://stores/{name}", storage_options=lab) as reader:
        np.testing.assert_array_equal(reader["video_0"].of(THREE), expected())
        assert reader.meter.bytes > 0
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        open("s3://stores/nothing.zarr", storage_options=lab)
