"""EPAM-Net's head on cached maps: an epoch streamed from the store against one from memory, and its peak memory.

    python bench/heads.py                        1,000 clips, three pairs; memory at 1,000 and 10,000 (7 GB of disk)
    python bench/heads.py --clips 64 256 --pairs 1

Writes a synthetic features store (a 432 × 16 × 7 × 7 float16 map, 677 KB, and two small cuts of each clip) into a
temporary folder through our own cache. One arm reads each batch from it, as `train` does; the other has all rows in
memory. Then the peak of a process that streams, at both numbers of clips.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache import ArraySpec, Build, Cache, Row, Store, StoreSpec, open_store, write_block
from models.head import Source, head_for
from models.training.fit import Batch, fit
from models.training.plan import FitPlan
from models.training.seeding import seeded
from pipeline.inputs.head_batches import HeadBatches
from pipeline.inputs.head_input import HeadRows, MapInput, VectorInput
from pipeline.inputs.prefetch import prefetched

SLOWDOWN_TARGET = 1.15
"""Store over memory."""
MEMORY_TARGET = 0.10
"""Share of memory by which the larger store may need more or less."""

BATCH, CLASSES = 24, 60
SHAPES = {"rgb_0_map": (1, 432, 16, 7, 7), "pose_0": (1, 216), "pose_0_channel_pool": (1, 2, 16, 7, 7)}
DTYPES = {"rgb_0_map": "float16", "pose_0": "float32", "pose_0_channel_pool": "float16"}


def arrays() -> tuple[ArraySpec, ...]:
    """The three cuts that the head takes, as `features` keeps them."""
    dims = {name: tuple(f"{name}_{place}" for place in range(len(shape))) for name, shape in SHAPES.items()}
    return tuple(
        ArraySpec(name, DTYPES[name], shape, dims[name], chunk_rows=1 if name.endswith("map") else 16)
        for name, shape in SHAPES.items()
    )


def compute(ids: list[str], wanted: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    """Noise of each clip's own."""
    for row_id in ids:
        rng = np.random.default_rng(int(row_id[1:]))
        yield row_id, {name: rng.random(SHAPES[name], np.float32).astype(DTYPES[name]) for name in wanted}


def written(folder: Path, clips: int) -> Path:
    """A store of so many clips."""
    documents = {name: {"of": name} for name in SHAPES}
    rows = [
        Row(f"C{i:06d}", {name: {**made, "clip": i} for name, made in documents.items()})
        for i in range(clips)
    ]
    build = Build(
        Cache(folder / "cache"), "bench/heads", StoreSpec(arrays(), rows_per_shard=64, row_dim="clip"), rows
    )
    for task in build.tasks:
        write_block(folder / "cache", task, compute)
    build.finish(folder / "features.zarr", {}, {})
    return folder / "features.zarr"


def epoch_seconds(store: Store, *, streamed: bool) -> float:
    """Time of one epoch, without what is read before it."""
    maps = [MapInput(store, name, in_memory=not streamed) for name in ("rgb_0_map", "pose_0_channel_pool")]
    rows = HeadRows((maps[0], VectorInput(store, ("pose_0",)), maps[1]))
    labels = np.arange(len(store.ids), dtype=np.int64) % CLASSES
    batches = HeadBatches(rows, store.ids, labels, BATCH, 0)
    with seeded(0, "head"):
        head = head_for("epam", CLASSES, [Source(one.shape) for one in rows.inputs], {})

    def data(epoch: int) -> Iterator[Batch]:
        for inputs, answers in prefetched(batches(epoch)) if streamed else batches(epoch):
            yield tuple(map(torch.from_numpy, inputs)), torch.from_numpy(answers)

    began = time.perf_counter()
    fit(head, data, FitPlan(epochs=1, lr=0.0015), loss=head.loss)
    return time.perf_counter() - began


def peak_mb(store: Path) -> float:
    """Megabytes of a process that streams one epoch."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(store)], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout.split()[-1]) / 1000


def own_peak_kb() -> int:
    """Largest resident size of this process since its program began; getrusage would tell its parent's too."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1])


def main() -> None:
    """Measure both; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs=2, default=(1000, 10_000), help="of the two stores")
    parser.add_argument("--pairs", type=int, default=3, help="epochs of each arm")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        epoch_seconds(open_store(Path(options.child)), streamed=True)
        print(own_peak_kb())
        return
    with TemporaryDirectory() as name:
        small, large = (written(Path(name) / str(clips), clips) for clips in options.clips)
        store = open_store(small)
        epoch_seconds(store, streamed=True)  # torch's first steps are slow
        pairs = [
            (epoch_seconds(store, streamed=True), epoch_seconds(store, streamed=False))
            for _ in range(options.pairs)
        ]
        slowdown = median(streamed / held for streamed, held in pairs)
        few, many = peak_mb(small), peak_mb(large)
    growth = many / few - 1
    print(
        f"an epoch of {options.clips[0]} clips: {median(s for s, _ in pairs):.1f} s streamed, "
        f"{median(h for _, h in pairs):.1f} s from memory, {slowdown:.2f} times, target {SLOWDOWN_TARGET}"
    )
    print(
        f"peak memory: {few:.0f} MB at {options.clips[0]} clips, {many:.0f} MB at {options.clips[1]}: {growth:+.1%}, "
        f"target ±{MEMORY_TARGET:.0%}"
    )
    sys.exit(slowdown > SLOWDOWN_TARGET or abs(growth) > MEMORY_TARGET)


if __name__ == "__main__":
    main()
