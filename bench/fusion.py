"""AMFI-Net's fusion epochs from a store of features, against the same optimiser steps on tensors in memory.

    python bench/fusion.py                       56,880 clips (NTU RGB+D 60), six epochs, three pairs
    python bench/fusion.py --clips 6000 --pairs 1

Writes a synthetic features store (2 × 512 float32 a clip) into a temporary folder through our own cache. One arm
opens the store, reads both arrays and trains; the other trains on tensors that are there already. Then the rate
of the head's matrix products in that training, as a share of what one large product reaches on this machine.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache import ArraySpec, Build, Cache, Row, StoreSpec, open_store, write_block
from models.amfi.fusion import AMFIFusion
from models.training.fit import Batch, fit
from models.training.plan import FitPlan
from models.training.seeding import mix, seeded

SLOWDOWN_TARGET = 1.15
"""Store, read included, over memory."""

RATE_TARGET = 1 / 3
"""Share of the machine's own matrix-multiply rate."""

DIM, CLASSES = 512, 60
ARRAYS = ("skeleton_0", "video_0")
PLAN = FitPlan(epochs=6, lr=0.01, schedule="milestones", milestones=(3,))


def write_store(folder: Path, clips: int) -> Path:
    """A features store of `clips` rows drawn from a seed by their id."""
    arrays = tuple(ArraySpec(name, "float32", (DIM,), ("channel",), chunk_rows=64) for name in ARRAYS)
    spec = StoreSpec(arrays, rows_per_shard=8192, row_dim="clip")
    rows = [Row(f"C{i:06d}", {name: {"clip": i, "array": name} for name in ARRAYS}) for i in range(clips)]
    build = Build(Cache(folder / "cache"), "bench/features", spec, rows)
    for task in build.tasks:
        write_block(folder / "cache", task, drawn)
    build.finish(folder / "features.zarr", {}, {})
    return folder / "features.zarr"


def drawn(ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    """Random features of each row."""
    for row_id in ids:
        rng = np.random.default_rng(int(row_id[1:]))
        yield row_id, {name: rng.random(DIM, dtype=np.float32) for name in sorted(arrays)}


def train(features: list[Tensor], labels: Tensor, batch: int) -> None:
    """Six epochs of AMFI-Net's fusion head."""
    with seeded(0, "head"):
        head = AMFIFusion(CLASSES)
    fit(head, functools.partial(shuffled, features, labels, batch), PLAN, loss=head.loss)


def shuffled(features: list[Tensor], labels: Tensor, batch: int, epoch: int) -> Iterator[Batch]:
    """The epoch's batches; the last, smaller one is left out in both arms."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(mix(0, epoch)))
    for chosen in torch.split(order[: len(labels) // batch * batch], batch):
        yield tuple(array[chosen] for array in features), labels[chosen]


def from_store(store: Path, labels: Tensor, batch: int) -> None:
    """Open, read, train."""
    opened = open_store(store)
    train([torch.from_numpy(opened.read(name)) for name in ARRAYS], labels, batch)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def matmul_rate(size: int = 2048, repeats: int = 8) -> float:
    """FLOP/s of the best of some square float32 products."""
    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return 2 * size**3 / min(seconds(lambda: torch.mm(a, b, out=out)) for _ in range(repeats))


def flops_per_clip() -> int:
    """Count the head's matrix products: forward, weight gradient, and input gradient where one is needed."""
    head = AMFIFusion(CLASSES)
    assert head.non_local is not None
    first = (head.non_local.theta, head.non_local.beta, head.non_local.g)  # their inputs are the features
    later = (head.non_local.w_z, head.channel_attention, head.gate, head.fc)
    return 2 * (2 * sum(map(num_weights, first)) + 3 * sum(map(num_weights, later)))


def num_weights(layer: nn.Linear) -> int:
    """Multiply-adds a clip."""
    return layer.weight.numel()


def main() -> int:
    """Print medians over pairs; exit status 1 past a target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=56_880)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    labels = torch.arange(options.clips) % CLASSES
    slowdowns, shares = [], []
    with TemporaryDirectory() as folder:
        store = write_store(Path(folder), options.clips)
        opened = open_store(store)
        memory = [torch.from_numpy(opened.read(name)) for name in ARRAYS]
        train([array[: 4 * options.batch] for array in memory], labels[: 4 * options.batch], options.batch)
        for pair in range(options.pairs):
            peak = matmul_rate()
            in_memory = seconds(lambda: train(memory, labels, options.batch))
            with_store = seconds(lambda: from_store(store, labels, options.batch))
            steps = options.clips // options.batch * PLAN.epochs
            rate = flops_per_clip() * options.batch * steps / in_memory
            slowdowns.append(with_store / in_memory)
            shares.append(rate / max(peak, matmul_rate()))
            print(
                f"pair {pair}: store {with_store:.2f} s, memory {in_memory:.2f} s, {rate / 1e9:.0f} GFLOP/s"
            )
    slowdown, share = median(slowdowns), median(shares)
    print(f"store over memory {slowdown:.3f} (target at most {SLOWDOWN_TARGET})")
    print(f"share of the matrix-multiply rate {share:.2f} (target at least {RATE_TARGET:.2f})")
    return 0 if slowdown <= SLOWDOWN_TARGET and share >= RATE_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
