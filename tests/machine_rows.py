"""What tests/test_reliability_machine.py works on: rows that their content tells apart, their store, damage to it."""

import importlib.util
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from house import HOUSE
from numpy.typing import NDArray

from cache import ArraySpec, Build, Cache, CacheError, Row, StoreSpec, write_block
from cache.harstore import open

FEATURES = ArraySpec("features", "float32", (3,), ("channel",), chunk_rows=2)
FRAMES = ArraySpec("frames", "uint8", (4, 2), ("frame", "x"), chunk=(2, 2), codec="zstd", padded=True)
SPEC = StoreSpec((FEATURES, FRAMES), rows_per_shard=4, row_dim="clip")
NAME = "machine/store"
OLD = "c975619"
Rows = dict[int, int]
"""A row's number to its version."""


def content(number: int, version: int) -> dict[str, NDArray[Any]]:
    """No two rows and no two versions hold the same."""
    frames = np.zeros((4, 2), np.uint8)
    frames[: number % 4 + 1] = number * 10 + version
    return {"features": np.array([number, version, number * version], np.float32), "frames": frames}


def rows_of(rows: Mapping[int, int]) -> list[Row]:
    return [
        Row(
            f"r{n:03d}",
            {array.name: {"step": "test", "inputs": [n, version], "of": array.name} for array in SPEC.arrays},
        )
        for n, version in sorted(rows.items())
    ]


def build(store_cache: Cache, out: Path, rows: Rows) -> set[int]:
    """Gives which rows were computed."""
    computed: set[int] = set()

    def compute(ids: list[str], _: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        for row_id in ids:
            computed.add(int(row_id[1:]))
            yield row_id, content(int(row_id[1:]), rows[int(row_id[1:])])

    plan = Build(store_cache, NAME, SPEC, rows_of(rows))
    for task in plan.tasks:
        write_block(store_cache.root, task, compute)
    plan.finish(out, {"number": np.array([int(row_id[1:]) for row_id in plan.ids])}, {"title": "machine"})
    return computed


def held(store: Any) -> Rows:
    """The rows that a store holds, each told by its content and checked whole."""
    found: Rows = {}
    features, frames = store["features"][:], store["frames"][:]
    for place, row_id in enumerate(store.ids):
        number, version = int(row_id[1:]), int(features[place, 1])
        right = content(number, version)
        np.testing.assert_array_equal(features[place], right["features"])
        np.testing.assert_array_equal(frames[place], right["frames"])
        found[number] = version
    np.testing.assert_array_equal(store.coord("number"), list(found))
    return found


def read(path: Path) -> Rows:
    with open(path) as store:
        return held(store)


@cache
def old_harstore() -> ModuleType | None:
    """The reader of an older commit, out of the history; None where that is not there."""
    archive = subprocess.run(["git", "archive", f"{OLD}:cache"], cwd=HOUSE, capture_output=True, check=False)
    if archive.returncode:
        return None
    folder = Path(tempfile.mkdtemp(prefix="old-harstore-")) / "old_harstore"
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    spec = importlib.util.spec_from_file_location("old_harstore", folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["old_harstore"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_refused(path: Path, wanted: Rows) -> int:
    """Reads every row alone: each is right, or refused. How many are refused; all of them where the store is."""
    refused = 0
    try:
        with open(path) as store:
            for place, row_id in enumerate(store.ids):
                number = int(row_id[1:])
                right = content(number, wanted[number])
                for array in ("features", "frames"):
                    try:
                        found = store[array][place]
                    except CacheError:
                        refused += 1
                        continue
                    np.testing.assert_array_equal(found, right[array])
    except CacheError:
        return 2 * len(wanted)
    return refused


def flipped(data: bytes, pick: int) -> bytes:
    place = pick % len(data)
    return data[:place] + bytes([data[place] ^ (1 << pick % 8)]) + data[place + 1 :]


def overwrite(path: Path, data: bytes, *, times_kept: bool = False) -> None:
    """In place: whoever links to the file sees it. `times_kept` as a tool does that sets them back."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(data)
    if times_kept:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


Damage = Literal["exchange", "flip", "cut", "flip a record", "cut a record"]


def damage(store_cache: Cache, out: Path, kind: Damage, pick: int, *, times_kept: bool) -> bool:
    """Strike one shard (two where they exchange), in the file that store and cache share, or one record.

    False where there is nothing to exchange.
    """
    shards = sorted(out.glob("f*/c.*"))
    path = shards[pick % len(shards)]
    if kind.endswith("record"):
        records = sorted((store_cache.root / "shards").glob("*/*.json"))
        path = records[pick % len(records)]
    data = path.read_bytes()
    if kind == "exchange":
        others = [other for other in shards if other.parent == path.parent and other.read_bytes() != data]
        if not others:
            return False
        overwrite(path, others[0].read_bytes(), times_kept=times_kept)
        overwrite(others[0], data, times_kept=times_kept)
    else:
        cut = data[: pick % len(data)]
        overwrite(path, cut if kind.startswith("cut") else flipped(data, pick), times_kept=times_kept)
    return True
