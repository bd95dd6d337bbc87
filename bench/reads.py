"""Reads, writes and files: harstore beside np.load, zarr-python, h5py, WebDataset and a folder of .npy.

    python bench/reads.py                      8,000 clips of 2 KB
    python bench/reads.py --clips 56880        as many as NTU RGB+D 60 has
    python bench/reads.py --clock cpu          on a machine that others use too

Sequential: one array of the store whole, against np.load of the same bytes, both from the page cache; medians over
pairs of their ratio. "first": each chunk's crc32c was checked when it was first read, which is before the timing;
"always": with every read. Random: one clip by its id, then the next at random. WebDataset has no access by id: its
figure is what one clip costs when all are read in order.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.read_rivals import (
    DIM,
    Arm,
    all_random,
    count_files,
    features,
    write_plain_zarr,
    write_shards,
    write_store,
)
from cache.harstore import open

SEQUENTIAL_TARGETS = {"first": 0.8, "always": 0.5}
"""Share of np.load's speed."""
FILES_TARGET = 300
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """One call; what it gave is freed within."""
    start = clock()
    work()
    return clock() - start


def whole(array: Any) -> Any:
    """All of it in memory."""
    return array[:]


def sequential(folder: Path, clips: int, pairs: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median share of np.load's speed: raw with crc on first touch, raw with crc always, zstd, zarr-python."""
    import zarr

    np.save(folder / "features.npy", features(clips))
    raw, packed = (write_store(folder, f"sequential-{codec}", clips, codec) for codec in ("raw", "zstd"))
    readers = {"first": open(raw), "always": open(raw, check="always"), "zstd": open(packed)}
    arrays: dict[str, Any] = {name: reader["video_0"] for name, reader in readers.items()}
    arrays["zarr-python"] = zarr.open_group(raw, mode="r")["video_0"]
    arms = {name: partial(whole, array) for name, array in arrays.items()}
    shares: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        arm()
    rate = []
    for _ in range(pairs):
        for name, arm in arms.items():
            plain = seconds(lambda: np.load(folder / "features.npy"), clock)
            shares[name].append(plain / seconds(arm, clock))
            rate.append(clips * DIM * 4 / plain / 1e9)
    print(f"sequential, {clips:,} clips of {DIM * 4:,} bytes; np.load {median(rate):.1f} GB/s")
    for name, found in shares.items():
        target = f"  (target at least {SEQUENTIAL_TARGETS[name]})" if name in SEQUENTIAL_TARGETS else ""
        print(f"  {name:12} {median(found):.2f} of np.load's speed{target}")
    return {name: median(found) for name, found in shares.items()}


def random_reads(folder: Path, clips: int, repeats: int, clock: Callable[[], float]) -> None:
    """Microseconds a clip, one table."""
    order = np.random.default_rng(0).permutation(clips)[: min(clips, 2000)]
    print(f"one clip of {DIM * 4:,} bytes at random, {len(order):,} clips, median of {repeats}")
    for name, arm, files in all_random(folder, clips):
        arm(order)
        times = [seconds(partial(arm, order), clock) / len(order) for _ in range(repeats)]
        print(f"  {name:44} {median(times) * 1e6:8.1f} µs   {files:7,} files")


def writes(folder: Path, clips: int, pairs: int, clock: Callable[[], float]) -> None:
    """MB/s of building a store, records, keys and fsync included, and of zarr-python writing the same array."""
    arms: dict[str, Arm] = {
        "harcache": lambda place, n: write_store(place, "written", n, "raw"),
        "harcache, shards alone": write_shards, "zarr-python": write_plain_zarr,
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(pairs):
        for name, arm in arms.items():
            with TemporaryDirectory(dir=folder) as place:
                times[name].append(seconds(partial(arm, Path(place), clips), clock))
    print("writing")
    for name, found in times.items():
        print(f"  {name:24} {clips * DIM * 4 / median(found) / 1e6:6.0f} MB/s")


def files(folder: Path, clips: int) -> int:
    """Files of a store of that many clips, by calculation and as made."""
    store = folder / "sequential-raw.zarr"
    calculated, made = count_files(open(store), clips), sum(path.is_file() for path in store.rglob("*"))
    print(
        f"files of a store of {clips:,} clips: {calculated} by calculation, {made} made; one a clip: {clips:,}"
    )
    return made if made == calculated else sys.maxsize


def main() -> int:
    """Print the tables; exit status 1 below a target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=8_000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    clock = CLOCKS[options.clock]
    with TemporaryDirectory() as name:
        folder = Path(name)
        shares = sequential(folder, options.clips, options.pairs, clock)
        random_reads(folder, options.clips, 3, clock)
        writes(folder, options.clips, 3, clock)
        num_files = files(folder, options.clips)
    reached = all(shares[arm] >= target for arm, target in SEQUENTIAL_TARGETS.items())
    return 0 if reached and num_files <= FILES_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
