"""Two, then four processes build the same store at once from one cache: is anything lost, doubled or made twice?

    python bench/builders.py --rounds 10             # a synthetic store of 600 clips, 24 shards
    python bench/builders.py --rounds 1 --stages     # every stage of a small demo, one project a process

Each round begins with an empty cache. Every process writes down each row that it computes. Afterwards each row
must have been computed once, every store must equal the one that a lone process builds, byte for byte, and
`verify` must find nothing to complain about. Exit status 1 where one of these fails.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from bench.incremental_clips import content, rows, spec
from cache import Build, Cache, open_store, write_block
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache

FORK = multiprocessing.get_context("fork")
CLIPS = 600
LAYOUT = spec(rows_per_shard=50, chunk_rows=10)
MOST_SECONDS_A_ROW = 0.002
"""A row takes a random time up to this, so that the processes overtake each other."""


def builder(cache: Path, out: Path, log: Path, start: Barrier | None, seed: int) -> None:
    """Build the store, once all others are ready too; a line in `log` for each row computed."""
    wanted = rows(range(CLIPS))
    documents = {each.id: each.docs for each in wanted}
    pace = random.Random(seed)

    def compute(
        ids: list[str], arrays: frozenset[str]
    ) -> Iterator[tuple[str, Mapping[str, NDArray[np.generic]]]]:
        for clip in ids:
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(handle, f"{clip}\n".encode())
            os.close(handle)
            time.sleep(pace.uniform(0, MOST_SECONDS_A_ROW))
            yield clip, {array: content(documents[clip][array]) for array in arrays}

    if start is not None:
        start.wait()
    plan = Build(Cache(cache), "synthetic/features", LAYOUT, wanted)
    for task in plan.tasks:
        write_block(cache, task, compute)
    plan.finish(out, {"number": np.arange(len(plan.ids))}, {"title": "synthetic features"})


@dataclass(frozen=True)
class Race:
    """The outcome of several processes building one store."""

    failed: int
    """Processes that ended in an error."""
    lost: int
    """Rows that nobody computed, or that a store lacks."""
    doubled: int
    """Rows that were computed more than once."""
    different: int
    """Stores that differ from the one built alone."""
    complaints: tuple[str, ...]
    """Findings of `verify` on the stores and the cache."""

    @property
    def well(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.failed or self.lost or self.doubled or self.different or self.complaints)


def race(folder: Path, processes: int, alone: dict[str, bytes]) -> Race:
    """Start so many builders of the synthetic store at once; compare what they made with `alone`."""
    cache, log = folder / "cache", folder / "computed.txt"
    outs = [folder / f"store{number}.zarr" for number in range(processes)]
    folder.mkdir(parents=True)
    start = FORK.Barrier(processes)
    failed = run_all([partial(builder, cache, out, log, start, seed) for seed, out in enumerate(outs)])
    computed = Counter(log.read_text().split())
    expected = {each.id for each in rows(range(CLIPS))}
    lost = len(expected - computed.keys())
    lost += sum(len(expected.difference(open_store(out).ids)) for out in outs if out.exists())
    return Race(
        failed=failed, lost=lost, doubled=_more_than_once(computed),
        different=sum(bytes_of(out) != alone for out in outs), complaints=complaints(cache, outs),
    )  # fmt: skip


def stage_race(folder: Path, processes: int, recordings: Path, alone: dict[str, bytes]) -> Race:
    """So many projects with one cache run each stage at once; compare what each wrote with `alone`."""
    from bench.kill_log import LOG, logged_stage  # they bring torch, which the synthetic store does without
    from bench.project import STAGES, make_project

    cache = folder / "cache"
    projects = [make_project(folder / f"project{number}", recordings) for number in range(processes)]
    failed = sum(
        run_all([partial(logged_stage, stage, paths, 1, cache) for paths in projects]) for stage in STAGES
    )
    log = folder / LOG
    stores = sorted(path for paths in projects for path in paths.data.glob("*.zarr"))
    written = [written_by(paths.root) for paths in projects]
    return Race(
        failed=failed, lost=0, doubled=_more_than_once(Counter(log.read_text().splitlines())),
        different=sum(one != alone for one in written), complaints=complaints(cache, stores),
    )  # fmt: skip


def stages_alone(folder: Path, recordings: Path) -> dict[str, bytes]:
    """List what one project writes when its stages run one after the other, and nothing else does."""
    found = stage_race(folder / "alone", 1, recordings, {})
    if found.failed or found.complaints:
        raise RuntimeError(f"even alone it went wrong: {found}")
    return written_by(folder / "alone" / "project0")


def written_by(project: Path) -> dict[str, bytes]:
    """Every file that the stages wrote, by its place in the project."""
    tops = ("data/demo", "weights", "reports")
    return {f"{top}/{name}": data for top in tops for name, data in bytes_of(project / top).items()}


def complaints(cache: Path, stores: list[Path]) -> tuple[str, ...]:
    """List what `verify` finds in the cache and the stores, and the temporary files that writers left behind."""
    checked = [verify_cache(Cache(cache)), *(verify_store(store) for store in stores)]
    left = [path for path in (cache / "shards").rglob("*") if path.suffix in (".tmp", ".lock")]
    return (
        *(str(fault) for each in checked for fault in each.faults),
        *(f"left behind: {path}" for path in left),
    )


def run_all(jobs: Sequence[Callable[[], None]]) -> int:
    """Run them at once, in a process each; how many failed."""
    started = [FORK.Process(target=job) for job in jobs]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return sum(process.exitcode != 0 for process in started)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _more_than_once(computed: Counter[str]) -> int:
    return sum(count > 1 for count in computed.values())


def _racer(folder: Path, *, stages: bool) -> Callable[[Path, int], Race]:
    """Runs one round in a folder with so many processes."""
    if not stages:
        builder(folder / "cache", folder / "alone.zarr", folder / "alone.txt", None, 0)
        return partial(race, alone=bytes_of(folder / "alone.zarr"))
    from bench.kill_log import load_stages
    from bench.project import make_recordings

    recordings = folder / "recordings"
    if run_all([lambda: print(f"drawn: {make_recordings(recordings)}", flush=True)]):
        raise RuntimeError("the demo could not be drawn")
    load_stages()
    return partial(stage_race, recordings=recordings, alone=stages_alone(folder, recordings))


def main() -> None:
    """All rounds with two, then with four; exit status 1 where anything went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--stages", action="store_true", help="the stages of a small demo")
    options = parser.parse_args()
    wrong = 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        racer = _racer(folder, stages=options.stages)
        for processes in options.processes:
            for number in range(options.rounds):
                found = racer(folder / f"{processes}_{number}", processes)
                wrong += not found.well
                print(f"{processes} processes, round {number}: {'well' if found.well else found}", flush=True)
    print("nothing lost, nothing made twice, every store the same" if not wrong else f"{wrong} WRONG")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
