"""Two and four processes build one store at once: bench/builders.py does it ten times over, here it does once."""

import subprocess
import sys

import pytest
from house import HOUSE


@pytest.mark.parametrize("processes", [2, 4])
def test_builders_at_once_lose_nothing_and_make_nothing_twice(processes: int) -> None:
    command = [sys.executable, str(HOUSE / "bench" / "builders.py"), "--rounds", "1", "--processes"]
    ran = subprocess.run([*command, str(processes)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert ran.stdout.splitlines() == [
        f"{processes} processes, round 0: well",
        "nothing lost, nothing made twice, every store the same",
    ]
