"""Tampering: is every flipped byte found and named, and does repair give the exact bytes back for the least work?

    python bench/tamper.py --flips 500 --seed 0

Builds a small store (three arrays, 22 rows in three blocks, one row failed, one hole) and then, file after
file, flips one random byte in place (so that the cache, which shares the file, is damaged with it), verifies
and repairs. The same for every file of the cache itself. Then shards are emptied, removed, exchanged, and
files added. Each time `verify` must name the file, and the row where a row's bytes were hit; `repair` must
restore the exact bytes and compute no row besides those that `verify` named. Exit status 1 otherwise.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache import ArraySpec, Build, Cache, Row, RowFailure, StoreSpec, write_block
from cache.store.parts import read_parts
from cache.upkeep.repair import Repaired, repair_store
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache

SPEC = StoreSpec(
    (
        ArraySpec("vectors", "float32", (9,), ("channel",), chunk_rows=2),
        ArraySpec("pixels", "uint8", (6, 5), ("frame", "x"), chunk=(2, 5), codec="zstd", padded=True),
        ArraySpec("count", "int32", (), ()),
    ),
    rows_per_shard=8,
    row_dim="row",
)
NUMBERS = tuple(number for number in range(22) if number != 5)
BAD = 13
NAME = "bench/small"


@dataclass
class Small:
    """The store, its cache, and which rows were computed."""

    root: Path
    computed: list[str] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The store under trial."""
        return self.root / "small.zarr"

    @property
    def cache(self) -> Cache:
        """The cache that the store was built from."""
        return Cache(self.root / "cache")

    def build(self, numbers: tuple[int, ...] = NUMBERS) -> None:
        """Plan, compute what lacks, publish: what a stage does."""
        plan = Build(self.cache, NAME, SPEC, [_row(number) for number in numbers])
        for task in plan.tasks:
            write_block(self.cache.root, task, self._compute)
        labels = np.array([int(row[1:]) % 3 for row in plan.ids], np.int32)
        plan.finish(self.store, {"label": labels}, {"title": "small"})

    def repair(self) -> Repaired:
        """The cache first, as the command does, then the store."""
        self.computed.clear()
        repair_cache(self.cache)
        return repair_store(self.store, self.cache, name=NAME, rebuild=self.build)

    def _compute(
        self, ids: list[str], _: object
    ) -> Iterator[tuple[str, dict[str, NDArray[np.generic]] | RowFailure]]:
        for row_id in ids:
            self.computed.append(row_id)
            number = int(row_id[1:])
            yield row_id, RowFailure("ClipError", f"{row_id} is bad") if number == BAD else _content(number)


def _row(number: int) -> Row:
    return Row(
        f"r{number:03d}", {a.name: {"step": a.name, "inputs": {"number": number}} for a in SPEC.arrays}
    )


def _content(number: int) -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(number)
    pixels = np.zeros((6, 5), np.uint8)
    pixels[: number % 7] = rng.integers(1, 255, (number % 7, 5))
    return {
        "vectors": rng.standard_normal(9).astype(np.float32),
        "pixels": pixels,
        "count": np.asarray(number, np.int32),
    }


def made(root: Path) -> Small:
    """Built with every number, then without one, so that there is a hole."""
    small = Small(root)
    small.build(tuple(range(22)))
    small.build()
    repair_cache(small.cache)
    small.cache.blobs.put({"step": "learn"}, {"weights.pt": bytes(range(256)) * 2}, {"seconds": 1.0})
    return small


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its content."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def rows_at(small: Small, name: str, data: bytes, offset: int) -> set[str]:
    """Ids of the rows whose chunk holds that byte of a shard, by its index; empty for any other file."""
    parts = read_parts(small.store)
    ids = parts.ids()
    for array, part in parts.arrays.items():
        groups = part.rows_per_shard // part.spec.chunk_rows
        size = 16 * groups * part.spec.chunks_per_row + 4
        for block in parts.blocks(array):
            if name != part.shard(block):
                continue
            index = np.frombuffer(data[-size:-4], "<u8").reshape(groups, -1, 2)
            first = parts.span(array, block).start
            hit = [
                first + group * part.spec.chunk_rows + within
                for group in range(groups)
                for start, length in index[group].tolist()
                if start <= offset < start + length
                for within in range(part.spec.chunk_rows)
            ]
            return {found for row in hit if row < len(ids) and (found := ids[row]) is not None}
    return set()


def write_into(path: Path, data: bytes) -> None:
    """Into the very file, which the store and the cache share."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


@dataclass
class Tally:
    """Counts of the trials, and of those in which the promise held."""

    tried: int = 0
    named: int = 0
    restored: int = 0
    frugal: int = 0
    computed: int = 0
    misses: list[str] = field(default_factory=list)

    def count(self, what: str, *, named: bool, restored: bool, frugal: bool, computed: int) -> None:
        """Count one trial."""
        self.tried += 1
        self.named += named
        self.restored += restored
        self.frugal += frugal
        self.computed += computed
        if not (named and restored and frugal):
            self.misses.append(f"{what}: named {named}, restored {restored}, frugal {frugal}")

    def __str__(self) -> str:
        return (
            f"{self.tried} tried, {self.named} named, {self.restored} restored to the byte, {self.frugal} without "
            f"needless work, {self.computed} rows computed in all"
        )


def flip_store(small: Small, flips: int, rng: random.Random) -> Tally:
    """Every file of the store in turn, one flip at a time."""
    before, tally = files(small.store), Tally()
    for number in range(flips):
        name = sorted(before)[number % len(before)]
        offset = rng.randrange(len(before[name]))
        data = bytearray(before[name])
        data[offset] ^= 1 << rng.randrange(8)
        hit = rows_at(small, name, before[name], offset)
        write_into(small.store / name, bytes(data))
        _judge(small, tally, f"{name} at {offset}", {name}, hit, before)
    return tally


def flip_cache(small: Small, flips: int, rng: random.Random) -> Tally:
    """Every shard, record, documents' file, blob and order of the cache in turn; the store's links are hit with it."""
    before, tally = files(small.store), Tally()
    for number in range(flips):
        found = {
            f"{kind}/{name}": data
            for kind in ("shards", "blobs", "orders")
            for name, data in files(small.cache.root / kind).items()
        }
        name = sorted(found)[number % len(found)]
        data = bytearray(found[name])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        write_into(small.cache.root / name, bytes(data))
        faults = verify_cache(small.cache).faults
        named = any(name.startswith(fault.place) for fault in faults)
        allowed = set(verify_store(small.store).rows)
        small.repair()
        if name.startswith("blobs/"):
            small.cache.blobs.put({"step": "learn"}, {"weights.pt": bytes(range(256)) * 2}, {"seconds": 1.0})
        clean = not verify_cache(small.cache).faults and files(small.store) == before
        frugal = set(small.computed) <= allowed
        tally.count(name, named=named, restored=clean, frugal=frugal, computed=len(small.computed))
    return tally


def maim_store(small: Small) -> Tally:
    """Each shard emptied, removed, cut short and exchanged with its neighbour; a file and a folder too many."""
    before, tally = files(small.store), Tally()
    shards = [
        name for name in before if "/c." in name and name.split("/")[0] in {a.name for a in SPEC.arrays}
    ]
    for at, name in enumerate(shards):
        path = small.store / name
        block = _block_rows(small, name)
        write_into(path, b"")
        _judge(small, tally, f"{name} emptied", {name}, block, before)
        path.unlink()
        _judge(small, tally, f"{name} removed", {name}, block, before)
        write_into(path, before[name][:-7])
        _judge(small, tally, f"{name} cut", {name}, block, before)
        other = shards[at - 1]
        one, two = before[name], before[other]
        write_into(path, two)
        write_into(small.store / other, one)
        _judge(small, tally, f"{name} and {other} exchanged", {name, other}, block, before)
    for name in ("stranger", "vectors/c.9.0", "label/stranger.json"):
        (small.store / name).write_bytes(b"who am I?")
        _judge(small, tally, f"{name} added", {name}, set(), before)
    return tally


def _block_rows(small: Small, name: str) -> set[str]:
    parts = read_parts(small.store)
    part = parts.arrays[name.split("/")[0]]
    ids = parts.ids()
    block = next(b for b in parts.blocks(part.spec.name) if part.shard(b) == name)
    return {found for row in parts.span(part.spec.name, block) if (found := ids[row]) is not None}


def _judge(
    small: Small, tally: Tally, what: str, places: set[str], hit: set[str], before: dict[str, bytes]
) -> None:
    verified = verify_store(small.store)
    found = {fault.place for fault in verified.faults}
    exact = found == places or (places == {"manifest.json"} < found)  # a damaged manifest accuses others
    named = exact and hit <= set(verified.rows)
    shards = {fault.place for fault in verified.faults if "/c." in fault.place and fault.rows}
    allowed = {row for fault in verified.faults for row in fault.rows if fault.place in shards}
    small.repair()
    restored = files(small.store) == before and not verify_cache(small.cache).faults
    tally.count(
        what,
        named=named,
        restored=restored,
        frugal=set(small.computed) <= allowed,
        computed=len(small.computed),
    )


def main() -> None:
    """All of it; exit status 1 where one trial fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--flips", type=int, default=500, help="Of the store's files, and as many of the cache's."
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with TemporaryDirectory() as folder:
        small = made(Path(folder))
        print(f"{len(files(small.store))} files in the store")
        tallies = {
            "bytes flipped in the store": flip_store(small, options.flips, rng),
            "bytes flipped in the cache": flip_cache(small, options.flips, rng),
            "shards emptied, removed, cut, exchanged; files added": maim_store(small),
        }
    for what, tally in tallies.items():
        print(f"{what}: {tally}")
        for miss in tally.misses[:20]:
            print(f"  {miss}")
    sys.exit(any(tally.misses for tally in tallies.values()))


if __name__ == "__main__":
    main()
