"""What reading a clip from afar asks for: nothing but the description, the ids, and the clip's own chunks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_store import UNMADE, WIDE, content, copied, make_store, make_wide_store, seal, wide_row
from serving import Served, serving

from cache import ShardError
from cache.harstore import open
from cache.shards.chunk_index import crc_of, index_bytes

CHUNK_BYTES = 4 * 2 * 1024 * 4 + 4
"""Four rows of a wide store and their crc32c."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wide_store(tmp_path_factory.mktemp("wide"))


def asked(server: Served, since: int = 0) -> list[tuple[str, str | None]]:
    return [(path.removeprefix("/features.zarr/"), span) for path, span in server.asked[since:]]


def span(offset: int, length: int) -> str:
    return f"bytes={offset}-{offset + length - 1}"


def test_a_clip_is_one_request_an_array(wide: Path) -> None:
    with serving(wide.parent) as server, open(f"{server.url}/features.zarr") as reader:
        assert [path for path, _ in asked(server)] == ["manifest.json", "zarr.json", "clip_id/c.0.0"]
        np.testing.assert_array_equal(reader.clip("c021")["video_0"], wide_row("c021", 0))
        chunk = span(1 * CHUNK_BYTES, CHUNK_BYTES)  # c021 is row 5 of the second shard
        assert asked(server, since=3) == [("video_0/c.1.0.0", chunk)]


def test_clips_that_an_array_was_not_made_for_are_known_without_keys(tmp_path: Path) -> None:
    make_store(tmp_path)
    with serving(tmp_path) as server, open(f"{server.url}/features.zarr") as reader:
        assert sorted(reader.clip(UNMADE)) == ["frames", "video_0"]
        assert UNMADE not in reader.clips(made_in="skeleton_0")
        assert UNMADE in reader.clips(made_in="video_0")
        np.testing.assert_array_equal(reader.clip("c020")["skeleton_0"], content("c020")["skeleton_0"])
        assert not [path for path, _ in asked(server) if path.startswith("key/") or "documents" in path]


def without(store: Path, *, table: bool, made: bool) -> Path:
    """As harcache wrote it before these were stated."""
    files = json.loads((store / "manifest.json").read_bytes())["files"]
    if not made:
        document = json.loads((store / "zarr.json").read_bytes())
        del document["attributes"]["harcache"]["made"]
        (store / "zarr.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        files.pop("zarr.json")
    for facts in files.values() if not table else ():
        facts.pop("table", None)
    seal(store, files)
    return store


@pytest.mark.parametrize(("table", "made"), [(True, False), (False, True), (False, False)])
def test_stores_of_before_are_asked_for_keys_and_documents(tmp_path: Path, table: bool, made: bool) -> None:
    make_store(tmp_path)
    without(tmp_path / "features.zarr", table=table, made=made)
    with serving(tmp_path) as server, open(f"{server.url}/features.zarr") as reader:
        assert sorted(reader.clip(UNMADE)) == ["frames", "video_0"]
        np.testing.assert_array_equal(reader.clip("c020")["video_0"], content("c020")["video_0"])
        paths = [path for path, _ in asked(server)]
        assert any(path.startswith("key/") for path in paths) is not made
        assert any("documents" in path for path in paths) is not table


def reordered(shard: bytes) -> bytes:
    """The first two of a full shard's chunks exchanged, and its index made to fit: as Zarr allows."""
    groups = 16 // WIDE.chunk_rows
    chunks = [shard[at * CHUNK_BYTES : (at + 1) * CHUNK_BYTES] for at in range(groups)]
    index = np.frombuffer(shard[groups * CHUNK_BYTES : -4], "<u8").reshape(groups, 2).copy()
    index[:2] = index[1::-1]
    return b"".join([chunks[1], chunks[0], *chunks[2:], index.tobytes(), crc_of(index.tobytes())])


def facts_of(store: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((store / "manifest.json").read_bytes())["files"]
    return found


def test_a_shard_of_another_order_is_read_by_its_index(wide: Path, tmp_path: Path) -> None:
    """Chunks are presumed one behind the other; where one is not the table's, the index is asked, once."""
    store, name = copied(wide, tmp_path / "features.zarr"), "video_0/c.0.0.0"
    shard = reordered((store / name).read_bytes())
    (store / name).write_bytes(shard)
    stated = {"table": facts_of(wide)[name]["table"], "checksums": facts_of(wide)[name]["checksums"]}
    seal(store)
    seal(store, {**facts_of(wide), name: {**facts_of(store)[name], **stated}})
    with serving(tmp_path) as server, open(f"{server.url}/features.zarr") as reader:
        for clip_id in ("c001", "c006", "c002"):
            np.testing.assert_array_equal(reader["video_0"].of(clip_id), wide_row(clip_id, 0))
        first, second = span(0, CHUNK_BYTES), span(CHUNK_BYTES, CHUNK_BYTES)
        size = index_bytes(WIDE, 16)
        index = span(len(shard) - size, size)
        assert [found for _, found in asked(server, since=3)] == [first, index, second, first, second]


def test_a_damaged_chunk_is_refused_whatever_the_index_says(wide: Path, tmp_path: Path) -> None:
    store = copied(wide, tmp_path / "features.zarr")
    shard = bytearray((store / "video_0/c.0.0.0").read_bytes())
    shard[9] ^= 1
    (store / "video_0/c.0.0.0").write_bytes(shard)
    with serving(tmp_path) as server, open(f"{server.url}/features.zarr") as reader:
        with pytest.raises(ShardError, match=r"chunk \(0, 0\) fails its crc32c"):
            reader["video_0"].of("c001")
        np.testing.assert_array_equal(reader["video_0"].of("c004"), wide_row("c004", 0))
