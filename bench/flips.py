"""Flips: is a damaged byte of any file of a project or its cache named, and restored by `repair` or what it says?

    python bench/flips.py --flips 600 --seed 0

Makes the small demo with DVC, all stages run. Then, flip after flip, in every kind of file in turn (stores, catalog,
failures, lists, weights, reports; shards, records, documents, blobs, orders, uses, index, digests, mark): one random
bit of one random file, in place, so that whatever shares the file is damaged with it. `cache verify` must name it;
`cache repair`, and the commands that it prints, must give every file of the project its bytes back. At the end
`dvc repro` must have nothing to do, and DVC's cache no damaged copy. Exit status 1 otherwise.
"""

import argparse
import hashlib
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.noop import finished_project, run
from bench.project import make_recordings
from pipeline.build.build import StoreJob
from pipeline.build.runner import RunOptions
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.upkeep.stores import CommandResult, repaired, verified

KINDS = {
    "stores": "data/demo/*.zarr/**/*",
    "catalog": "data/demo/catalog.parquet",
    "failures": "data/demo/failures.jsonl",
    "lists of files": "*/demo/*.seals.json",
    "weights": "weights/demo/*/*",
    "predictions": "reports/demo/predictions.parquet",
    "metrics": "reports/demo/metrics.json",
    "tables": "reports/demo/*.csv",
    "page": "reports/demo/index.html",
    "pictures": "reports/demo/pictures/*",
    "shards, records, documents": ".harcache/shards/*/*",
    "blobs": ".harcache/blobs/*/*/*",
    "orders": ".harcache/orders/**/*.json",
    "uses": ".harcache/uses/*",
    "index": ".harcache/index/*",
    "digests": ".harcache/digests/*",
    "mark": ".harcache/CACHEDIR.TAG",
}
"""Every kind of file, and where it lies in a project."""
STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train", "report")
COMMAND = re.compile(rf"`python cli\.py ({'|'.join(STAGES)}) demo`")


@dataclass
class Tally:
    """Counts of the flips and of what became of them."""

    tried: Counter[str] = field(default_factory=Counter)
    by_command: Counter[str] = field(default_factory=Counter)
    """Restored by a command that `repair` printed."""
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.tried.items()))
        commands = ", ".join(f"{kind} {count}" for kind, count in sorted(self.by_command.items())) or "none"
        total = sum(self.tried.values())
        return (
            f"{total} flips ({kinds}): {total - len(self.misses)} named and restored; "
            f"by the printed command: {commands}"
        )


@dataclass
class Victim:
    """A finished project, and what its files were."""

    root: Path

    def __post_init__(self) -> None:
        self.before = self.content()

    def content(self) -> dict[str, str]:
        """Every file of data, weights and reports with its digest."""
        folders = ("data/demo", "weights", "reports")
        files = [path for name in folders for path in (self.root / name).rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def files(self, kind: str) -> list[Path]:
        """Those of a kind that have a byte to flip."""
        found = sorted(path for path in self.root.glob(KINDS[kind]) if path.is_file())
        return [path for path in found if path.stat().st_size and path.suffix != ".lock"]

    def verify(self) -> CommandResult:
        """Run `cache verify` over the project."""
        return verified(self.root, None)

    def names(self, path: Path) -> bool:
        """Whether `verify` tells of the file, or of another name of it, or of what the seal `path` seals."""
        places = [part.folder / fault.place for part in self.verify().parts for fault in part.faults]  # type: ignore[attr-defined]
        return any(
            place.exists()
            and (
                place.samefile(path) or place in (path.parent, path.with_suffix(".sqlite"))
            )  # a blob: its folder
            for place in places
        )

    def repair(self) -> set[str]:
        """Stages that the repair names, to be run by hand."""
        return set(COMMAND.findall(str(repaired(self.root, None, None, self.plan))))

    def plan(self, stage: str, *_: object) -> StoreJob:
        """The store that a stage would build now, as the command asks it."""
        paths = Paths(self.root, "demo")
        job: StoreJob = import_module(f"stages.{stage}").plan(
            paths, load_preset(paths.params, "demo"), RunOptions()
        )
        return job

    def run(self, stage: str) -> None:
        """A stage, as its command does."""
        paths = Paths(self.root, "demo")
        import_module(f"stages.{stage}").run(paths, load_preset(paths.params, "demo"), RunOptions(quiet=True))

    def dvc_copies_damaged(self) -> list[str]:
        """Files of DVC's cache that are not what their names say."""
        return [
            path.name
            for path in (self.root / ".dvc/cache/files/md5").glob("*/*")
            if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            != f"{path.parent.name}{path.name.removesuffix('.dir')}"
        ]


def flip(path: Path, rng: random.Random) -> str:
    """One bit, in the very file; gives where."""
    at, bit = rng.randrange(path.stat().st_size), rng.randrange(8)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return f"{path}, bit {bit} of byte {at}"


def trial(victim: Victim, kind: str, tally: Tally, rng: random.Random) -> None:
    """One flip, verified, repaired, compared."""
    if not victim.files(kind):  # a help that the last repair took away: the next build makes it anew
        victim.run("index")
    path = rng.choice(victim.files(kind))
    where = flip(path, rng)
    tally.tried[kind] += 1
    named = victim.names(path)
    stages = victim.repair()
    for stage in sorted(stages, key=STAGES.index):
        victim.run(stage)
    if stages:
        tally.by_command[kind] += 1
        victim.repair()  # DVC's copy, now that there is a good one
    restored = victim.content() == victim.before and victim.verify().exit_code == 0
    if not named or not restored:
        tally.misses.append(f"{kind}: {where}: named {named}, restored {restored}")


def main() -> None:
    """All of it; exit status 1 where one flip is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, tally = random.Random(options.seed), Tally()
    with TemporaryDirectory() as folder:
        recordings = make_recordings(Path(folder) / "recordings")
        victim = Victim(finished_project(Path(folder) / "finished", recordings))
        for number in range(options.flips):
            trial(victim, list(KINDS)[number % len(KINDS)], tally, rng)
            print(f"{number + 1} of {options.flips}, {len(tally.misses)} missed", file=sys.stderr)
        damaged = victim.dvc_copies_damaged()
        run(
            [sys.executable, "-m", "dvc", "status", "--quiet"], victim.root
        )  # status 1 where a stage would run
    print(tally)
    for miss in tally.misses[:20]:
        print(f"  {miss}")
    print(f"DVC's cache: {len(damaged)} damaged copies left; dvc status: nothing to run")
    sys.exit(bool(tally.misses or damaged))


if __name__ == "__main__":
    main()
