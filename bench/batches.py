"""A training batch of random rows, warm: harstore beside np.memmap, safetensors and h5py, and under a DataLoader.

    python bench/batches.py                    64 of 8,000 rows of 2 KB
    python bench/batches.py --rows 50000 --pairs 9

Each pair reads the same 200 batches by every way, one after the other, in seconds of CPU; printed are the medians of
a batch's microseconds and of its ratio to memmap's. safetensors and h5py are timed where they are installed. Under the
DataLoader both are torch Datasets with `__getitems__` that give (row, label) a clip, collated as torch does.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.read_rivals import features, write_store
from cache.harstore import open

TARGET = 3.0
"""Times as long as np.memmap."""
BATCHES = 200
Batches = list[NDArray[np.intp]]
Arm = Callable[[NDArray[np.intp]], object]


class _Mapped(Dataset[tuple[torch.Tensor, ...]]):
    """np.memmap as a Dataset that reads a batch at once."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = values
        self._labels = torch.arange(len(values)) % 60

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, ...]:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[tuple[torch.Tensor, ...]]:
        return list(
            zip(torch.from_numpy(self._values[list(places)]), self._labels[list(places)], strict=True)
        )


def arms(folder: Path, rows: int) -> Iterator[tuple[str, Arm]]:
    """Yield (name, what reads a batch)."""
    values = features(rows)
    np.save(folder / "rows.npy", values)
    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    yield "np.memmap", lambda batch: mapped[batch]
    reader = open(write_store(folder, "rows", rows, "raw"))
    array = reader["video_0"]
    yield "harstore, by place", lambda batch: array[batch]
    yield "harstore, by id", lambda batch: array.of([reader.ids[place] for place in batch.tolist()])
    if find_spec("safetensors"):
        yield "safetensors, row by row", _safetensors(folder / "rows.safetensors", values)
    if find_spec("h5py"):
        import h5py

        with h5py.File(folder / "rows.h5", "w") as file:
            file.create_dataset("rows", data=values)
        opened = h5py.File(folder / "rows.h5", "r")["rows"]
        yield "h5py, contiguous, row by row", lambda batch: [opened[place] for place in batch.tolist()]


def _safetensors(path: Path, values: NDArray[np.float32]) -> Arm:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    save_file({"rows": values}, path)
    file: Any = safe_open(path, framework="np")  # its stub has untyped methods
    opened = file.get_slice("rows")
    return lambda batch: [opened[place : place + 1] for place in batch.tolist()]


def _each(arm: Arm, batches: Batches) -> None:
    for batch in batches:
        arm(batch)


def loaders(folder: Path, batches: Batches) -> Iterator[tuple[str, Any]]:
    """Yield (name, a DataLoader over the same batches)."""
    sampler = [batch.tolist() for batch in batches]
    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    with open(folder / "rows.zarr") as reader:
        for name, dataset in (
            ("np.memmap, DataLoader", _Mapped(mapped)),
            ("harstore, DataLoader", reader.to_torch("video_0")),
        ):
            loader: DataLoader[Any] = DataLoader(dataset, batch_sampler=sampler)
            yield name, loader


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def table(works: Mapping[str, Callable[[], object]], pairs: int) -> dict[str, float]:
    """Print each work's microseconds a batch and its ratio to the first; give the ratios."""
    for work in works.values():
        work()
    found = [{name: seconds(work) for name, work in works.items()} for _ in range(pairs)]
    first = next(iter(works))
    ratios = {name: median(times[name] / times[first] for times in found) for name in works}
    for name, ratio in ratios.items():
        print(
            f"  {name:30} {median(t[name] for t in found) / BATCHES * 1e6:8.0f} µs   {ratio:5.2f} of memmap's"
        )
    return ratios


def main() -> int:
    """Print both tables; exit status 1 above the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    draw = np.random.default_rng(0)
    batches = [draw.integers(0, options.rows, options.batch) for _ in range(BATCHES)]
    print(
        f"{options.batch} random rows of 2 KB among {options.rows:,}, warm, CPU a batch, {options.pairs} pairs"
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        read = {name: partial(_each, arm, batches) for name, arm in arms(folder, options.rows)}
        ratios = table(read, options.pairs)
        ratios |= table(
            {name: partial(list, loader) for name, loader in loaders(folder, batches)}, options.pairs
        )
    reached = max(ratios["harstore, by id"], ratios["harstore, DataLoader"]) <= TARGET
    print(f"target {TARGET} of memmap's: {'met' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
