"""Feature extraction from a frames store, against the same frozen model on tensors already in memory.

    python bench/features.py

Writes a synthetic frames store into a temporary folder. The yardstick runs R3D-18 over prepared batches and
drops what comes out. Our arm reads the frames, scales them, pads, embeds, and writes the features store as
the `features` stage does.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache import ArraySpec, Build, Cache, Compute, Row, Store, StoreSpec, open_store, write_block
from models.amfi.r3d import R3D18
from models.inference import embed
from models.training.memory import keep_freed_memory
from models.training.seeding import seeded
from pipeline.video.pixels import PixelScale, to_float

TARGET = 0.95
"""Share of the bare model's clips per second."""

FRAMES, SIZE = 16, 112
SCALE = PixelScale()


def write_frames(folder: Path, clips: int) -> Path:
    """A store of random uint8 clips, (T, H, W, 1)."""
    spec = ArraySpec("frames", "uint8", (FRAMES, SIZE, SIZE, 1), ("frame", "y", "x", "channel"))

    def compute(ids: list[str], _arrays: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        for row_id in ids:
            rng = np.random.default_rng(int(row_id[1:]))
            yield row_id, {"frames": rng.integers(0, 256, spec.row_shape, dtype=np.uint8)}

    return write(folder, "frames", spec, clips, compute)


def write(folder: Path, name: str, spec: ArraySpec, clips: int, compute: Compute) -> Path:
    """Build one store of one array through the cache, from nothing."""
    rows = [Row(f"C{i:06d}", {spec.name: {"of": name, "clip": i}}) for i in range(clips)]
    cache = Cache(folder / f"{name}.cache")
    build = Build(cache, f"bench/{name}", StoreSpec((spec,), rows_per_shard=256, row_dim="clip"), rows)
    for task in build.tasks:
        write_block(folder / f"{name}.cache", task, compute)
    build.finish(folder / f"{name}.zarr", {}, {})
    return folder / f"{name}.zarr"


def extract(folder: Path, frames: Store, model: R3D18, batch: int, run: int) -> None:
    """Frames store → features store."""
    spec = ArraySpec("video_0", "float32", (model.num_features,), ("channel",), chunk_rows=64)

    def compute(ids: list[str], _arrays: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        parts = [ids[start : start + batch] for start in range(0, len(ids), batch)]
        blocks = ((prepared(frames, part),) for part in parts)
        for part, features in zip(parts, embed(model, blocks, batch_size=batch), strict=True):
            for row_id, feature in zip(part, features.numpy(), strict=True):
                yield row_id, {"video_0": feature}

    write(folder, f"features-{run}", spec, len(frames), compute)


def prepared(frames: Store, ids: list[str]) -> Tensor:
    """(n, 1, T, H, W) float32, as the network takes them."""
    return torch.from_numpy(to_float(frames.read("frames", ids), SCALE))


def bare(model: R3D18, batches: list[Tensor]) -> None:
    """The frozen model and nothing else."""
    model.eval()
    with torch.inference_mode():
        for batch in batches:
            model(batch)


def main() -> int:
    """Print the median over pairs; exit status 1 below the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    with seeded(0, "bench"):
        model = R3D18(1, width=options.width)
    shares = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        frames = open_store(write_frames(folder, options.clips))
        parts = [list(frames.ids[i : i + options.batch]) for i in range(0, options.clips, options.batch)]
        batches = [prepared(frames, part) for part in parts]
        bare(model, batches[:1])
        for pair in range(options.pairs):
            start = time.perf_counter()
            bare(model, batches)
            middle = time.perf_counter()
            extract(folder, frames, model, options.batch, pair)
            end = time.perf_counter()
            shares.append((middle - start) / (end - middle))
            print(f"pair {pair}: bare {middle - start:.2f} s, extraction {end - middle:.2f} s")
    share = median(shares)
    print(f"extraction runs at {share:.3f} of the bare model's speed (target at least {TARGET})")
    return 0 if share >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
