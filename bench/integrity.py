"""Measures what checking every byte against its record costs, side by side with another checkout.

    git worktree add ../before c975619
    python bench/integrity.py ../before --pairs 11

Both build the same store (8,000 rows of two arrays of 2 KB, computing free), read it and build it again, each in a
process of its own, in turns; what is told is the median over the pairs of this checkout's CPU by the other's.

    build          plan, write every shard, publish, into an empty cache
    first touch    a new process opens the store and reads every row
    later open     the same process opens it again and reads one row of each shard
    edit           one row changed: its shards' other rows are copied
    nothing new    planned and published again
    the first      of either: what was written before is entered into the index

Exit status 1 where a target is missed: first touch 1.1, later open 1.0 (and what two equal runs differ by), build 1.05.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
CHANNELS = 512
TARGETS = {"build": 1.05, "first touch": 1.1, "later open": 1.0}
NOISE = 0.05
"""By how much a median may miss its target: what the same checkout differs by from itself."""


def measured(folder: Path, clips: int) -> dict[str, float]:
    """CPU seconds of each, by whichever house is first on the path."""
    import numpy as np

    from cache import JSON, ArraySpec, Build, Cache, Row, StoreSpec, write_block

    arrays = tuple(
        ArraySpec(name, "float32", (1, CHANNELS), ("view", f"{name}_channel"), chunk_rows=16)
        for name in ("video", "skeleton")
    )
    spec = StoreSpec(arrays, 4096, "clip")
    values = {array.name: np.arange(CHANNELS, dtype=np.float32)[np.newaxis] for array in arrays}
    ids = [f"clip{number:06d}" for number in range(clips)]

    def rows(changed: int) -> list[Row]:
        sources: dict[str, dict[str, JSON]] = {i: {"clip": i, "of": changed * (i == ids[0])} for i in ids}
        return [
            Row(i, {a.name: {"step": "features", "array": a.name, "inputs": of} for a in arrays})
            for i, of in sources.items()
        ]

    def build(changed: int) -> float:
        wanted = rows(changed)  # a stage's own work, before the clock starts
        start = process_time()
        plan = Build(Cache(folder / "cache"), "bench/features", spec, wanted)
        for task in plan.tasks:
            write_block(plan.cache.root, task, lambda asked, _: ((row_id, values) for row_id in asked))
        plan.finish(
            folder / "features.zarr", {"label": np.zeros(len(plan.ids), np.int32)}, {"title": "bench"}
        )
        return process_time() - start

    return {
        "build": build(0), "first touch": _seconds(lambda: _read_all(folder)),
        "later open": median(_seconds(lambda: _read_few(folder)) for _ in range(5)),
        "edit, the first": build(1), "edit": build(2), "nothing new, the first": build(2), "nothing new": build(2),
    }  # fmt: skip


def _read_all(folder: Path) -> None:
    from cache import open_store

    store = open_store(folder / "features.zarr")
    for array in store.arrays:
        store.read(array)
    store.close()


def _read_few(folder: Path) -> None:
    """One row of each shard."""
    from cache import open_store

    store = open_store(folder / "features.zarr")
    for array in store.arrays:
        for row_id in store.ids[::4096]:
            store.read_row(array, row_id)
    store.close()


def _seconds(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start


def side(house: Path, clips: int) -> dict[str, float]:
    """One run of a checkout, in a folder and a process of its own."""
    with TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            str(house),
            "--measure",
            folder,
            "--clips",
            str(clips),
        ]
        environment = {**os.environ, "PYTHONPATH": str(house), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds: dict[str, float] = json.loads(ran.stdout)
    return seconds


def main() -> int:
    """Measure in turns, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="checkout to compare with")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--clips", type=int, default=8000)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options: Any = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measured(options.measure, options.clips)))
        return 0
    pairs = [
        (side(HOUSE, options.clips), side(options.other.resolve(), options.clips))
        for _ in range(options.pairs)
    ]
    missed = 0
    for name in pairs[0][0]:
        ours, theirs = (median(pair[which][name] for pair in pairs) for which in (0, 1))
        ratio = median(one[name] / other[name] for one, other in pairs)
        target = TARGETS.get(name)
        missed += target is not None and ratio > target + NOISE
        goal = "" if target is None else f"   target {target:g}"
        print(
            f"{name:22} {ours * 1000:8.1f} ms here, {theirs * 1000:8.1f} ms there, {ratio:5.2f} of it{goal}"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
