"""SIGKILL in every stage at random moments: does the run go on, and end with the same bytes?

    python bench/kill.py --total 200 --kills 5 --seed 0
    python bench/kill.py --total 40 --kills 2 --workers 2

Builds a small demo once undisturbed. Then, each round anew, every stage is killed at moments drawn from its own
duration, up to `--kills` times, and run to its end; rounds go on until `--total` kills struck a running stage.
Whatever the stage wrote must equal the undisturbed build's byte for byte. No run may compute a row of a shard
that was recorded when it began, no more shards than workers may be in flight at a kill, and no whole epoch may
be trained again. Exit status 1 where one of these fails.
"""

import argparse
import hashlib
import multiprocessing
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.kill_log import Ended, forked, load_stages
from bench.project import STAGES, make_project, make_recordings
from pipeline.paths import Paths

EARLY_SHARE = 0.7
"""Share of a stage's undisturbed duration within which it is killed: later it is often done by then."""


@dataclass
class Tally:
    """Counts over all kills."""

    kills: int = 0
    """That struck a running stage."""
    late: int = 0
    """Moments at which the stage was done already."""
    in_flight: int = 0
    """Shards begun and not recorded when the kill came."""
    most_in_flight: int = 0
    rows: int = 0
    """Rows computed, by killed and finishing runs together."""
    rows_twice: int = 0
    """Rows computed that had been computed before: the price of the kills."""
    wrong: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills struck a running stage ({self.late} more came after its end); {self.in_flight} "
            f"shards were in flight, at most {self.most_in_flight} at once; {self.rows_twice} of {self.rows} rows "
            "computed were computed for a second time, each in a shard in flight"
        )


def digests(paths: Paths) -> dict[str, str]:
    """sha256 of every file that the stages wrote."""
    written = [p for top in (paths.data, paths.weights, paths.reports) for p in top.rglob("*") if p.is_file()]
    return {
        path.relative_to(paths.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(written)
    }


def recorded(paths: Paths) -> set[str]:
    """Keys of the shards that have a record."""
    return {path.stem for path in (paths.root / ".harcache" / "shards").glob("*/*.json")}


class Victim:
    """One stage of one project, killed now and then; remembers what was computed, and by how many runs."""

    def __init__(self, stage: str, paths: Paths, workers: int, tally: Tally) -> None:
        self.stage, self.paths, self.workers, self.tally = stage, paths, workers, tally
        self.epochs = 0
        self.again = 0
        """Rows computed although their shard was recorded: none may be."""
        self.crowded = 0
        """Kills that found more shards in flight than there are workers."""
        self._known: set[str] = set()

    def run(self, kill_after: float | None = None) -> Ended:
        """Run it, to its end or to the kill."""
        before = recorded(self.paths)
        ended = forked(self.stage, self.paths, self.workers, kill_after=kill_after)
        self.epochs += ended.epochs
        self.again += sum(not before.isdisjoint(keys) for _, keys in ended.computed)
        rows = {row for row, _ in ended.computed}
        self.tally.rows += len(rows)
        self.tally.rows_twice += len(rows & self._known)
        self._known |= rows
        if ended.made is None:
            self._count(ended)
        return ended

    def _count(self, ended: Ended) -> None:
        """Blocks in flight: those begun of which a shard has no record. A block's arrays are one task."""
        whole = recorded(self.paths)
        blocks = {keys for _, keys in ended.computed if not whole.issuperset(keys)}
        self.tally.kills += 1
        self.tally.in_flight += len(blocks)
        self.tally.most_in_flight = max(self.tally.most_in_flight, len(blocks))
        self.crowded += len(blocks) > self.workers


def disturbed(
    victim: Victim, calm: Ended, expected: dict[str, str], moments: list[float], usual: dict[str, float]
) -> bool:
    """Kill the stage at these moments of as many runs, finish it, compare; says whether all is well.

    usual: seconds that each stage takes undisturbed, kept up to date.
    """
    struck: list[float] = []
    done = False
    for moment in moments:
        ended = victim.run(moment)
        done = ended.made is not None
        if done:
            victim.tally.late += 1
            if not struck:  # from its very beginning to its end: the machine has less else to do than it had
                usual[victim.stage] = min(usual[victim.stage], ended.seconds)
            break
        struck.append(moment)
    if not done:
        victim.run()
    got = digests(victim.paths)
    different = sorted({name for name, _ in got.items() ^ expected.items()})
    repeated = max(0, victim.epochs - calm.epochs)
    well = not (different or victim.again or victim.crowded or repeated)
    print(
        f"  {'well ' if well else 'WRONG'} {victim.stage:9} killed at {', '.join(f'{m:.2f}' for m in struck) or '-'} "
        f"of {usual[victim.stage]:.2f} s; rows of recorded shards computed again {victim.again}; epochs trained again "
        f"{repeated}; {len(got)} files, {len(different)} differ {different[:3] or ''}",
        flush=True,
    )
    return well


def undisturbed(paths: Paths, workers: int) -> tuple[dict[str, Ended], dict[str, dict[str, str]]]:
    """Run each stage undisturbed; gives how it ended and the digests of all files after it."""
    calm, expected = {}, {}
    for stage in STAGES:
        calm[stage] = forked(stage, paths, workers)
        expected[stage] = digests(paths)
    took = ", ".join(f"{stage} {ended.seconds:.1f}" for stage, ended in calm.items())
    print(f"undisturbed: {len(expected[STAGES[-1]])} files; seconds: {took}", flush=True)
    return calm, expected


def killed_rounds(folder: Path, options: argparse.Namespace) -> Tally:
    """Rounds until enough kills have struck."""
    rng, tally = random.Random(options.seed), Tally()
    recordings = folder / "recordings"
    drawing = multiprocessing.get_context("fork").Process(target=make_recordings, args=(recordings,))
    drawing.start()  # in a process of its own: what it loads starts threads, which no fork survives
    drawing.join()
    calm, expected = undisturbed(make_project(folder / "calm", recordings), options.workers)
    usual = {stage: ended.seconds for stage, ended in calm.items()}
    number = 0
    while tally.kills < options.total:
        print(f"round {number}, {tally.kills} kills so far:", flush=True)
        paths = make_project(folder / f"round{number}", recordings)
        for stage in STAGES:
            wanted = stage in (options.stage or STAGES)
            kills = min(options.kills, options.total - tally.kills) if wanted else 0
            moments = [rng.uniform(0, EARLY_SHARE * usual[stage]) for _ in range(kills)]
            victim = Victim(stage, paths, options.workers, tally)
            tally.wrong += not disturbed(victim, calm[stage], expected[stage], moments, usual)
        number += 1
    return tally


def main() -> None:
    """All rounds; exit status 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--total", type=int, default=24, help="kills that must strike a running stage")
    parser.add_argument("--kills", type=int, default=1, help="kills of each stage in a round, at most")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    parser.add_argument("--workers", type=int, default=1, help="processes of each stage; all are killed")
    parser.add_argument("--stage", choices=STAGES, action="append", help="kill only these; default: all")
    options = parser.parse_args()
    load_stages()
    with TemporaryDirectory() as folder:
        tally = killed_rounds(Path(folder), options)
    print(f"{tally}\n{'every kill recovered from' if not tally.wrong else f'{tally.wrong} WRONG'}")
    sys.exit(tally.wrong > 0)


if __name__ == "__main__":
    main()
