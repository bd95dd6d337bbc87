"""Strangers' stores met by `verify`, `adopt`, `diff` and `ls` first: what they claim makes nobody wait or run out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cache_small import Computer, build, bytes_of, rows_of
from strangers import in_folder, with_card

from cache import Cache, StoreError
from cache.exchange.diff import diff_stores
from cache.upkeep.adopt import adopt_store
from cache.upkeep.inventory import inventory
from cache.upkeep.verify import verify_store

HUGE = 1 << 44


def rows(house: dict[str, Any]) -> None:
    house["rows"] = HUGE


def rows_and_shards(house: dict[str, Any]) -> None:
    house["rows"] = HUGE
    for part in (*house["arrays"].values(), *house["coords"].values()):
        part["rows_per_shard"] = HUGE


def rows_and_ids(house: dict[str, Any]) -> None:
    house["rows"] = HUGE
    for part in house["coords"].values():
        part["rows_per_shard"] = part["chunk_rows"] = HUGE


def everything(house: dict[str, Any]) -> None:
    rows_and_shards(house)
    for part in (*house["arrays"].values(), *house["coords"].values()):
        part["chunk_rows"] = HUGE


def wide_ids(house: dict[str, Any]) -> None:
    house["coords"]["clip_id"]["row_shape"] = house["coords"]["clip_id"]["chunk"] = [1 << 28]


def no_rows(house: dict[str, Any]) -> None:
    house["rows"] = -1


LIES = (rows, rows_and_shards, rows_and_ids, everything, wide_ids, no_rows)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Ten rows of ours."""
    build(Cache(tmp_path / "ours"), tmp_path / "whole", rows_of(*range(10)), Computer())
    return tmp_path / "whole"


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_absurd_numbers_are_a_fault_and_no_more(
    whole: Path, tmp_path: Path, lie: Callable[[dict[str, Any]], None]
) -> None:
    files = with_card(bytes_of(whole), lambda card: lie(card["attributes"]["harcache"]))
    store = in_folder(tmp_path / "lying", files)
    assert verify_store(store).faults
    cache = Cache(tmp_path / "cache")
    with pytest.raises(StoreError):
        adopt_store(store, cache)
    assert not cache.root.exists()
    with pytest.raises(StoreError):
        diff_stores(store, whole)
    assert inventory(cache, [store]).stores[0].problem


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"]
)
def test_what_is_no_file_is_not_read(whole: Path, make: Callable[[Path], None]) -> None:
    shard = whole / "count" / "c.1"
    shard.unlink()
    make(shard)
    (fault,) = verify_store(whole).faults
    assert (fault.place, "no regular file" in fault.what) == ("count/c.1", True)
    assert fault.rows == ("r004", "r005", "r006", "r007")
