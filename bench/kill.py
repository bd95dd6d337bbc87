"""SIGKILL in every stage at random moments: does the run go on, and end with the same bytes?

    python bench/kill.py --rounds 3 --seed 0

Builds a small demo once undisturbed. Then, each round anew, every stage is killed at a moment drawn from
its own duration, `--kills` times, and run to its end. Whatever the stage wrote must equal the undisturbed
build's byte for byte; clips whose shards were whole must not be made again, nor whole epochs be trained again.
Exit status 1 where either fails.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import STAGES, environment, make_project, make_recordings
from cache.records import read_record
from pipeline.paths import Paths

READY = "ready"

EARLY_SHARE = 0.7
"""Of a stage's undisturbed duration, within which it is killed: later it is often done by then."""


def child(stage: str, root: Path, workers: int) -> None:
    """Run one stage; what it imports is loaded before the clock starts."""
    from importlib import import_module

    from pipeline.presets import load_preset
    from pipeline.runner import RunOptions

    run = import_module(f"stages.{stage}").run
    paths = Paths(root, "demo")
    preset = load_preset(paths.params, "demo")
    print(READY, flush=True)
    summary = run(paths, preset, RunOptions(workers=workers))
    print(json.dumps({"made": getattr(summary, "made", 0)}), flush=True)


@dataclass(frozen=True)
class Ended:
    """How a stage's process ended."""

    seconds: float
    """From its readiness."""
    made: int | None
    """Clips or trainings; None where it was killed."""
    epochs: int
    """Epochs of the backbones that it said were done."""


def start(stage: str, paths: Paths, workers: int, *, kill_after: float | None = None) -> Ended:
    """Run a stage to its end, or kill it and its workers so many seconds after it was ready."""
    command = [sys.executable, __file__, "--child", stage, str(paths.root), "--workers", str(workers)]
    log = paths.root / "stderr.txt"
    with log.open("w") as stderr, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(paths), start_new_session=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        if process.stdout.readline().strip() != READY:
            raise RuntimeError(f"{stage} did not start: {log.read_text()[-2000:]}")
        began = time.monotonic()
        if kill_after is not None:
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        said = process.stdout.read()
        status = process.wait()
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{stage} ended with {status}: {log.read_text()[-2000:]}")
    made = json.loads(said)["made"] if status == 0 else None
    return Ended(time.monotonic() - began, made, log.read_text().count(": epoch "))


def digests(paths: Paths) -> dict[str, str]:
    """sha256 of every file that the stages wrote."""
    written = [p for top in (paths.data, paths.weights, paths.reports) for p in top.rglob("*") if p.is_file()]
    return {
        path.relative_to(paths.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(written)
    }


def whole_rows(paths: Paths, since: set[str]) -> int:
    """Clips made since, all of whose arrays' shards have a record; those that failed aside."""
    found: dict[str, set[str]] = {}
    for path in (paths.root / ".harcache" / "shards").glob("*/*.json"):
        if path.name in since:
            continue
        record = read_record(path)
        rows = {row.id for row in record.rows if row is not None and row.failed is None}
        found.setdefault(record.spec.name, set()).update(rows)
    return len(set.intersection(*found.values())) if found else 0


def records(paths: Paths) -> set[str]:
    """Names of all records."""
    return {path.name for path in (paths.root / ".harcache" / "shards").glob("*/*.json")}


def disturbed(
    stage: str, paths: Paths, calm: Ended, expected: dict[str, str], rng: random.Random, options: Any
) -> bool:
    """Kill the stage, finish it, compare; says whether all is well."""
    before = records(paths)
    moments, epochs, ended = [], 0, None
    for _ in range(options.kills):
        moments.append(rng.uniform(0, EARLY_SHARE * calm.seconds))
        ended = start(stage, paths, options.workers, kill_after=moments[-1])
        epochs += ended.epochs
        if ended.made is not None:
            break
    kept, killed = 0, ended is None or ended.made is None
    if ended is None or ended.made is None:
        kept = whole_rows(paths, before)
        ended = start(stage, paths, options.workers)
        epochs += ended.epochs
    got = digests(paths)
    different = sorted({name for name, _ in got.items() ^ expected.items()})
    again = (
        0 if stage in ("pretrain", "train", "report") else max(0, (ended.made or 0) + kept - (calm.made or 0))
    )
    repeated = max(0, epochs - calm.epochs)
    well = not different and not again and not repeated
    at = ", ".join(f"{moment:.2f}" for moment in moments)
    done = "" if killed else " (it was done before)"
    print(
        f"  {'well ' if well else 'WRONG'} {stage:9} killed at {at}{done} of {calm.seconds:.2f} s; whole clips kept "
        f"{kept}, made again {again}; epochs trained again {repeated}; {len(got)} files, "
        f"{len(different)} differ {different[:3] or ''}",
        flush=True,
    )
    return well


def main() -> None:
    """All rounds; exit status 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="builds, each with kills in every stage")
    parser.add_argument("--kills", type=int, default=1, help="kills of each stage in a round")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    parser.add_argument("--workers", type=int, default=1, help="processes of each stage; all are killed")
    parser.add_argument("--stage", choices=STAGES, action="append", help="kill only these; default: all")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), options.workers)
        return
    rng = random.Random(options.seed)
    with TemporaryDirectory() as folder:
        recordings = make_recordings(Path(folder) / "recordings")
        calm_paths = make_project(Path(folder) / "calm", recordings)
        calm, expected = {}, {}
        for stage in STAGES:
            calm[stage] = start(stage, calm_paths, options.workers)
            expected[stage] = digests(calm_paths)
        wrong = 0
        for number in range(options.rounds):
            print(f"round {number}:", flush=True)
            paths = make_project(Path(folder) / f"round{number}", recordings)
            for stage in STAGES:
                if stage in (options.stage or STAGES):
                    wrong += not disturbed(stage, paths, calm[stage], expected[stage], rng, options)
                else:
                    start(stage, paths, options.workers)
    print("every kill recovered from" if not wrong else f"{wrong} WRONG")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
