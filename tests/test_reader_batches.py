"""Batches of rows in random order: the same values by every way of reading, each chunk still checked at first touch."""

from pathlib import Path

import numpy as np
import pytest
from cache_small import build, content, rows_of

from cache import Cache, ShardError
from cache.harstore import Reader, open
from cache.shards.mapped_rows import MappedRows

NUM_ROWS = 11


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three shards of four rows, the last half empty."""
    build(Cache(tmp_path / "cache"), tmp_path / "out", rows_of(*range(NUM_ROWS)))
    return tmp_path / "out"


def batches() -> list[np.ndarray]:
    """Orders with repeats, within one shard and over all of them."""
    draw = np.random.default_rng(0)
    return [draw.integers(0, high, size) for high in (3, NUM_ROWS) for size in (2, 5, 9) for _ in range(3)]


def expected(array: str, places: np.ndarray) -> np.ndarray:
    return np.stack([content(f"r{place:03d}")[array] for place in places])


@pytest.mark.parametrize("check", ["first", "always"])
@pytest.mark.parametrize("array", ["features", "count", "frames"])
def test_any_order_gives_the_same_rows(store: Path, array: str, check: str) -> None:
    reader = open(store, check=check)  # type: ignore[arg-type]
    for _ in range(2):  # untouched, then known
        for places in batches():
            wanted = expected(array, places)
            np.testing.assert_array_equal(reader[array][places], wanted)
            np.testing.assert_array_equal(reader[array].of([reader.ids[place] for place in places]), wanted)


def flipped(store: Path, block: int) -> None:
    """Flip the first byte of a shard of `features` where it lies, so that who holds the file open sees it."""
    path = store / "features" / f"c.{block}.0"
    path.chmod(0o644)
    with path.open("r+b") as file:
        (first,) = file.read(1)
        file.seek(0)
        file.write(bytes([first ^ 1]))


def test_a_chunk_is_checked_before_it_is_copied_from_a_map(store: Path) -> None:
    reader = open(store)
    reader["features"][[3, 2, 3]]  # chunk 1 of the first shard is known, chunk 0 is not
    flipped(store, 0)
    np.testing.assert_array_equal(reader["features"][[3, 2]], expected("features", np.array([3, 2])))
    with pytest.raises(ShardError, match="crc32c"):
        reader["features"][[3, 0, 2]]


def test_a_file_that_was_cut_is_told_and_ends_no_process(store: Path) -> None:
    reader = open(store)
    places = np.array([3, 0, 2, 1])
    mapped(reader, places)
    path = store / "features" / "c.0.0"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(7)
    with pytest.raises(ShardError, match="damaged"):
        reader["features"][places]


def mapped(reader: Reader, places: np.ndarray) -> None:
    """Read twice: the second time from the map."""
    for _ in range(2):
        np.testing.assert_array_equal(reader["features"][places], expected("features", places))


def test_known_rows_come_from_the_map(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that is fast, in earnest."""
    copied: list[bool] = []
    copy = MappedRows.copy
    monkeypatch.setattr(MappedRows, "copy", lambda *given: copied.append(copy(*given)) or copied[-1])
    mapped(open(store), np.array([3, 0, 2, 1]))
    assert copied == [False, True]
