"""One clip among 10,000 added, changed or removed: what is computed, written, pushed, and in how many seconds?

    python bench/incremental.py             # edits at the front, in the middle, at the end; DVC; a fresh clone
    python bench/incremental.py --scaling   # CPU seconds per clip at 1,000, 10,000 and 100,000
    python bench/incremental.py --files     # files of stores as large as NTU RGB+D 60's

The store is like that of features: two arrays of (1, 512) float32, 4,096 rows a shard, 16 rows a chunk. An edit
may cost at most two seconds of CPU (planning, copying the shards that it touches, publishing; computing is free
here), and must leave every other shard the same file. Seconds on the wall are shown beside: on a machine at rest
they are the same but for a few fsyncs. Exit status 1 where one of these fails.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.incremental_clips import ARRAYS, Built, build, row, rows, spec
from bench.incremental_dvc import pushed_edits
from cache import Cache, Row, key_of
from cache.home.index import synced_index
from cache.shards.specs import entry_key, entry_prefix

TARGET_SECONDS = 2.0
NTU60_CLIPS = 56_880
NTU60_STORES = (
    ("skeletons.zarr", 5, 2, 2048),
    ("samples.zarr", 1, 7, 4096),
    ("frames.zarr", 2, 7, 1024),
    ("heatmaps.zarr", 2, 7, 2048),
    ("features.zarr", 4, 7, 4096),
)
"""(name, arrays, coordinates, clips a shard) as the preset ntu60_xsub of params.yaml lays them out."""
SYNTHETIC_COORDINATES = 3
"""clip_id, key and label."""
FLAT = 2.0
"""Times that a clip may cost at 100,000 what it costs at 10,000: less than the noise of a shared machine."""


@dataclass(frozen=True)
class Edit:
    """A changed list of clips, and what of it is new."""

    name: str
    wanted: list[Row]
    new: tuple[str, ...]


def edits(before: list[Row]) -> Iterator[Edit]:
    """Add, change, remove: each at the front, in the middle and at the end of the sorted order; then all at once.

    No edit repeats another's clip: what one left in the cache must not help the next.
    """
    places = {"front": 0, "middle": len(before) // 2, "end": len(before) - 2}
    for where, at in places.items():
        clip = before[at].id
        yield Edit(f"{where}: one added", [*before, row(f"{clip}a")], (f"{clip}a",))
        yield Edit(f"{where}: one changed", [*before[:at], row(clip, 2), *before[at + 1 :]], (clip,))
        yield Edit(f"{where}: one removed", [*before[:at], *before[at + 1 :]], ())
    first, middle, last = before[0].id, before[len(before) // 2 + 1].id, before[-1].id
    rest = [each for each in before if each.id not in (first, middle)]
    yield Edit(
        "first changed, one in the middle removed, one added behind the last",
        [row(first, 3), *rest, row(f"{last}b")],
        (first, f"{last}b"),
    )


def shards(store: Path) -> dict[str, int]:
    """Each shard of the two large arrays, and its inode."""
    return {
        path.relative_to(store).as_posix(): path.stat().st_ino
        for array in ARRAYS
        for path in (store / array).glob("c.*")
    }


def report(name: str, built: Built, wanted: tuple[str, ...], kept: int, whole: int) -> bool:
    """Print one line; whether all is as it must be."""
    well = sorted(built.computed) == sorted(wanted) and built.cpu_seconds < TARGET_SECONDS
    well = well and kept == whole - built.shards
    print(
        f"  {'well ' if well else 'WRONG'} {name}: {len(built.computed)} computed; {built.shards} of {whole} shards "
        f"written, {kept} the same files; {built.seconds:.2f} s (plan {built.plan_seconds:.2f}, "
        f"write {built.write_seconds:.2f}, finish {built.finish_seconds:.2f}; CPU {built.cpu_seconds:.2f})",
        flush=True,
    )
    return well


def edited(folder: Path, clips: int) -> bool:
    """Every edit on a store of its own kind: made undisturbed first, then edited."""
    cache, out = Cache(folder / "cache"), folder / "store.zarr"
    before = rows(range(clips))
    built = build(cache, out, before, spec())
    print(f"{clips:,} clips made in {built.seconds:.2f} s; then, each from that state:", flush=True)
    well = True
    for edit in edits(before):
        build(cache, out, before, spec())
        was = shards(out)
        built = build(cache, out, edit.wanted, spec())
        now = shards(out)
        kept = sum(was.get(name) == inode for name, inode in now.items())
        well &= report(edit.name, built, edit.new, kept, len(now))
    return well


def look_up(cache: Cache, wanted: list[Row]) -> float:
    """CPU seconds to find where a clip lies."""
    prefix = entry_prefix(spec().array(ARRAYS[0]))
    entries = [
        entry_key(prefix, key_of(each.docs[ARRAYS[0]])) for each in wanted[:: max(1, len(wanted) // 1000)]
    ]
    with synced_index(cache) as index:
        started = process_time()
        found = index.find(entries)
        seconds = process_time() - started
    assert len(found) == len(entries), "a clip that was made is not in the index"
    return seconds / len(entries)


def scaled(folder: Path, clips: int, repeats: int) -> dict[str, float]:
    """CPU microseconds a clip, the median of `repeats`: of a fresh build, of one without news, of one look-up."""
    fresh, again, found = [], [], []
    wanted = rows(range(clips))
    for number in range(repeats):
        cache = Cache(folder / f"{clips}_{number}")
        fresh.append(build(cache, folder / "store.zarr", wanted, spec()).cpu_seconds)
        build(cache, folder / "store.zarr", wanted, spec())  # enters the new rows into the index
        again.append(build(cache, folder / "store.zarr", wanted, spec()).cpu_seconds)
        found.append(look_up(cache, wanted))
    return {
        "made": median(fresh) / clips * 1e6,
        "again": median(again) / clips * 1e6,
        "look-up": median(found) * 1e6,
    }


def scaling(folder: Path, sizes: list[int], repeats: int) -> bool:
    """A table; whether the largest size costs no more than FLAT times what the one before it costs, a clip."""
    build(Cache(folder / "warm"), folder / "warm.zarr", rows(range(16)), spec())  # imports are no clip's cost
    table = {clips: scaled(folder, clips, repeats) for clips in sizes}
    print("clips     made, µs a clip   nothing new, µs a clip   one look-up in the index, µs")
    for clips, costs in table.items():
        print(f"{clips:>7,}   {costs['made']:>15.0f}   {costs['again']:>22.0f}   {costs['look-up']:>28.1f}")
    *_, before, last = table.values()
    worst = max(last[name] / before[name] for name in last)
    print(f"at most {worst:.2f} times as much a clip in the largest as in the one before it, target {FLAT}")
    return worst <= FLAT


def num_files(clips: int, arrays: int, coordinates: int, rows_per_shard: int) -> int:
    """Files of a store: two for the whole, one an array and two a block of it (shard, documents), two a coordinate."""
    blocks = -(-clips // rows_per_shard)
    return 2 + arrays * (1 + 2 * blocks) + 2 * coordinates


def counted(folder: Path) -> bool:
    """Stores of NTU RGB+D 60's size by calculation, and the synthetic one really made."""
    for store, arrays, coordinates, rows_per_shard in NTU60_STORES:
        files = num_files(NTU60_CLIPS, arrays, coordinates, rows_per_shard)
        print(
            f"  {store}: {arrays} arrays, {coordinates} coordinates, {rows_per_shard:,} clips a shard: {files} files"
        )
    out = folder / "store.zarr"
    build(Cache(folder / "cache"), out, rows(range(NTU60_CLIPS)), spec())
    found = sum(path.is_file() for path in out.rglob("*"))
    calculated = num_files(NTU60_CLIPS, len(ARRAYS), SYNTHETIC_COORDINATES, spec().rows_per_shard)
    print(f"  synthetic features of {NTU60_CLIPS:,} clips: {found} files, calculated {calculated}")
    return found == calculated


def main() -> None:
    """Edits and DVC, or the table of costs; exit status 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if options.scaling:
            well = scaling(folder, options.sizes, options.repeats)
        elif options.files:
            well = counted(folder)
        else:
            well = edited(folder / "edits", options.clips)
            well &= pushed_edits(folder / "dvc", options.clips)
    sys.exit(not well)


if __name__ == "__main__":
    main()
