"""Compressed stores: batches of random clips beside numcodecs alone, whole arrays beside zarrs.

    python bench/decoding.py                     batches of 16, and whole arrays where zarrs is installed
    python bench/decoding.py --threads 1 2       zarrs and harstore with as many threads each

Frames are smooth pictures with a little noise, (16, 112, 112, 3) uint8, that zstd packs to a third; maps are joints'
heatmaps, (16, 17, 56, 56) float16, to a seventieth; features are noise, 16 rows of 2 KB a chunk, which packs by a
fifteenth. A batch is 16 clips of frames or maps at random, warm. numcodecs unpacks the same chunks, held in memory
before, into an array made for the batch: that much anyone must do. CPU seconds, medians of pairs; whole arrays by wall,
harstore reading one part a thread, zarrs through zarr-python (0.2.3 was tried) in a process with as many threads.
Exit status 1 where a batch costs more than 1.2 times what numcodecs needs, or zarrs is more than 1 / 1.5 as fast.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.features import write
from bench.read_rivals import write_store, zarrs_array
from cache import ArraySpec
from cache.harstore import open
from cache.layout import shard_name
from cache.shards.reading import ShardReader

BATCH_TARGET = 1.2
"""Times as long as numcodecs alone."""
WHOLE_TARGET = 1.5
"""Times as fast as zarrs."""
BATCH, BATCHES = 16, 6
SPECS = {
    "frames": ArraySpec("frames", "uint8", (16, 112, 112, 3), ("frame", "y", "x", "channel"), codec="zstd"),
    "maps": ArraySpec(
        "maps", "float16", (16, 17, 56, 56), ("frame", "joint", "y", "x"), codec="zstd", padded=True
    ),
}
CLIPS = {"frames": 256, "maps": 256}
"""One shard each, as `bench.features.write` lays them out."""
ROWS_PER_SHARD = 256


def content(name: str, clip: int) -> NDArray[Any]:
    """One clip's row, a function of its number."""
    draw = np.random.default_rng(clip)
    if name == "maps":
        y, x = np.mgrid[:56, :56]
        joints = draw.uniform(8, 48, (16, 17, 2))[..., None, None]
        distance: NDArray[Any] = (y - joints[:, :, 0]) ** 2 + (x - joints[:, :, 1]) ** 2
        return np.exp(-distance / 0.72).astype(np.float16)
    picture = np.kron(draw.integers(0, 255, (14, 14, 3)), np.ones((8, 8, 1)))
    moving = np.stack([np.roll(picture, shift, 1) for shift in range(16)])
    return (moving * 0.9 + (draw.random(moving.shape) < 0.15)).astype(np.uint8)


def make(folder: Path, name: str) -> Path:
    """A store of that array."""

    def compute(ids: list[str], _: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        return ((row_id, {name: content(name, int(row_id[1:]))}) for row_id in ids)

    return write(folder, name, SPECS[name], CLIPS[name], compute)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def batch_ratio(store: Path, name: str, pairs: int) -> float:
    """Times as long as numcodecs alone."""
    spec, draw = SPECS[name], np.random.default_rng(1)
    batches = [draw.choice(CLIPS[name], BATCH, replace=False) for _ in range(BATCHES)]
    shard = ShardReader(store / name / shard_name(0, len(spec.row_shape)), spec, ROWS_PER_SHARD)
    chunks = [bytes(shard.stored_group(clip)[0] or b"")[:-4] for clip in range(CLIPS[name])]
    array, zstd = open(store)[name], Zstd()

    def alone() -> None:
        for batch in batches:
            out = np.empty((BATCH, *spec.row_shape), spec.stored)
            for place, clip in enumerate(batch.tolist()):
                zstd.decode(chunks[clip], out[place])

    def ours() -> None:
        for batch in batches:
            array[batch]

    alone()
    ours()
    found = [(cpu_seconds(alone), cpu_seconds(ours)) for _ in range(pairs)]
    bare, full = (median(times) / BATCHES * 1e3 for times in zip(*found, strict=True))
    ratio = median(full / bare for bare, full in found)
    print(
        f"  {BATCH} random {name}: numcodecs {bare:.2f} ms, harstore {full:.2f} ms: {ratio:.2f} times as long"
    )
    return ratio


def whole_ratio(store: Path, name: str, threads: int, pairs: int) -> float:
    """Times as fast as zarrs; in this process, which has as many threads."""
    theirs = zarrs_array(store, name, threads)
    ours = open(store, check="always")[name]
    ends = [part * len(ours) // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        arms = (
            lambda: theirs[:],
            lambda: [*pool.map(lambda low, high: ours[low:high], ends, ends[1:])] if threads > 1 else ours[:],
        )
        found = [[wall_seconds(arm) for arm in arms] for _ in range(pairs + 1)][1:]
    return median(other / own for other, own in found)


def wall_seconds(work: Callable[[], object]) -> float:
    """Seconds on the wall of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def whole_ratios(stores: Mapping[str, Path], threads: int, pairs: int) -> dict[str, float]:
    """Each store's `whole_ratio`, in a process of its own: zarrs takes its threads from the environment."""
    found = {}
    for name, store in stores.items():
        asked = ["--whole", str(store), name, "--threads", str(threads), "--pairs", str(pairs)]
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [sys.executable, __file__, *asked], env=environment, capture_output=True, text=True, check=True
        )
        found[name] = float(done.stdout)
        print(f"  {name} whole, {threads} threads each: {found[name]:.2f} times as fast as zarrs")
    return found


def main() -> int:
    """Print both tables; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--whole", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.whole:
        print(whole_ratio(Path(options.whole[0]), options.whole[1], options.threads[0], options.pairs))
        return 0
    with TemporaryDirectory() as folder:
        stores = {name: make(Path(folder), name) for name in SPECS}
        ratios = {name: batch_ratio(store, name, options.pairs) for name, store in stores.items()}
        reached = max(ratios.values()) <= BATCH_TARGET
        if find_spec("zarrs"):
            stores["video_0"] = write_store(Path(folder), "features", 20_000, "zstd")
            for threads in options.threads:
                found = whole_ratios(stores, threads, options.pairs)
                reached &= min(found.values()) >= WHOLE_TARGET
    print(f"targets {BATCH_TARGET} and {WHOLE_TARGET}: {'met' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
