"""Training beside busy neighbours, on two cores: how much longer than alone, with and without our spin count?

    python bench/spinning.py
    python bench/spinning.py --spins 0 1000 10000   # others, as GOMP_SPINCOUNT takes them

A small network of 3-D convolutions is trained by two threads, alone and beside processes that only count. Threads of
OpenMP spin at their barriers for a while before they sleep: alone that saves waking them, beside others each spins
away the time in which the one that it waits for could run. A fair share beside two neighbours is twice as long as
alone, beside four three times. A process for each setting, in turns; medians of the ratios to torch's own setting
alone, in the same round. Exit status 1 where a target is missed: 2.3 and 3.5 times, and 3 % alone.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

HOUSE = Path(__file__).resolve().parents[1]
CORES = 2
TARGETS = {0: 1.03, 2: 2.3, 4: 3.5}
"""Neighbours to how many times as long as alone, with torch's own setting, a run may take."""
OWN = "300000"
"""Spin count that libgomp takes where it is told nothing."""


def measured(steps: int) -> list[float]:
    """Seconds of `steps` steps beside each number of neighbours."""
    sys.path.insert(0, str(HOUSE))
    import torch
    from torch import nn

    import models  # noqa: F401  # sets the spin count, before torch is there

    torch.set_num_threads(CORES)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv3d(3, 16, 3, padding=1), nn.BatchNorm3d(16), nn.ReLU(),
        nn.Conv3d(16, 16, 3, padding=1, stride=2), nn.BatchNorm3d(16), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 5),
    )  # fmt: skip
    clips, labels = torch.randn(4, 3, 8, 32, 32), torch.randint(0, 5, (4,))
    optimiser = torch.optim.SGD(net.parameters(), 0.01)

    def train() -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(clips), labels).backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    train()  # what is allocated first
    return beside_neighbours(train)


def beside_neighbours(work: Callable[[], None]) -> list[float]:
    """Seconds of `work` beside each number of processes that only count."""
    busy: list[subprocess.Popen[bytes]] = []
    seconds = []
    try:
        for count in TARGETS:
            while len(busy) < count:
                busy.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            began = perf_counter()
            work()
            seconds.append(perf_counter() - began)
    finally:
        for one in busy:
            one.kill()
            one.wait()
    return seconds


def run(spins: str, steps: int) -> list[float]:
    """The same in a process of its own; `spins` is GOMP_SPINCOUNT, "ours" leaves it to us."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("OMP_", "GOMP_"))}
    if spins != "ours":
        environment["GOMP_SPINCOUNT"] = spins
    command = [sys.executable, __file__, "--measure", "--steps", str(steps)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def main() -> int:
    """Time all settings in turns, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spins", nargs="+", default=["ours"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.steps)))
        return 0
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    settings = [OWN, *options.spins]
    ratios: dict[tuple[int, str], list[float]] = {}
    for _ in range(options.rounds):
        seconds = {spins: run(spins, options.steps) for spins in settings}
        for spins, found in seconds.items():
            for count, took in zip(TARGETS, found, strict=True):
                ratios.setdefault((count, spins), []).append(took / seconds[OWN][0])
    missed = False
    for (count, spins), found in sorted(ratios.items()):
        missed |= spins == "ours" and median(found) > TARGETS[count]
        print(
            f"{count} neighbours, spin count {spins}: {median(found):.2f} times as long as alone, "
            f"target {TARGETS[count]}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
