"""A small store for the tests of cache: three arrays, each row a function of its id."""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Build, Cache, Receipt, Row, RowFailure, StoreSpec, write_block

FEATURES = ArraySpec("features", "float32", (5,), ("channel",), chunk_rows=2)
FRAMES = ArraySpec("frames", "uint8", (7, 3), ("frame", "x"), chunk=(2, 3), codec="zstd", padded=True)
COUNT = ArraySpec("count", "int32", (), ())
SPEC = StoreSpec((FEATURES, FRAMES, COUNT), rows_per_shard=4, row_dim="clip")


def rows_of(*numbers: int, version: Mapping[int, int] | None = None) -> list[Row]:
    """Rows r000, r001, …; `version` changes what a row is made of."""
    return [
        Row(
            f"r{number:03d}",
            {
                array.name: {
                    "step": "test",
                    "array": array.name,
                    "input": number,
                    "version": (version or {}).get(number, 1),
                }
                for array in SPEC.arrays
            },
        )
        for number in numbers
    ]


def content(row_id: str) -> dict[str, NDArray[np.generic]]:
    """What a row holds: features n, n+1, …; the first n % 8 frames are n + 1; count n."""
    number = int(row_id[1:])
    frames = np.zeros((7, 3), np.uint8)
    frames[: number % 8] = number % 255 + 1
    features = np.arange(number, number + 5, dtype=np.float32)
    return {"features": features, "frames": frames, "count": np.asarray(number, np.int32)}


class Computer:
    """A compute that remembers what it was asked; rows of `bad` fail; `slow` seconds a row."""

    def __init__(self, bad: frozenset[str] = frozenset(), slow: float = 0.0, log: Path | None = None) -> None:
        self.bad = bad
        self.slow = slow
        self.log = log
        self.asked: list[str] = []
        self.arrays: list[frozenset[str]] = []

    def __call__(
        self, ids: list[str], arrays: frozenset[str]
    ) -> Iterator[tuple[str, dict[str, NDArray[np.generic]] | RowFailure]]:
        self.asked += ids
        self.arrays.append(arrays)
        for row_id in ids:
            if self.log is not None:
                with self.log.open("a") as file:
                    file.write(f"{row_id}\n")
            time.sleep(self.slow)
            yield (
                row_id,
                RowFailure("VideoError", f"{row_id} is bad") if row_id in self.bad else content(row_id),
            )


def build(
    cache: Cache, out: Path, rows: list[Row], compute: Computer | None = None, spec: StoreSpec = SPEC
) -> tuple[Computer, list[Receipt]]:
    """Plan, write every block, publish."""
    compute = compute or Computer()
    plan = Build(cache, "test/store", spec, rows)
    receipts = [write_block(cache.root, task, compute) for task in plan.tasks]
    plan.finish(out, {"label": np.array([int(row[1:]) for row in plan.ids])}, {"title": "small"})
    return compute, receipts


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its content."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


if __name__ == "__main__":  # a builder in a process of its own, for the tests that kill or race it
    root, target, log, slow = Path(sys.argv[1]), *sys.argv[2:]
    build(Cache(root), Path(target), rows_of(*range(10)), Computer(slow=float(slow), log=Path(log)))
