"""bench/flips.py in little: one flip of each kind of file, named by `verify`, restored by `repair` or what it names."""

import random
import shutil
from pathlib import Path

from tiny import Project

from bench.flips import KINDS, Tally, Victim, trial
from cache.home.digests import file_sha256
from pipeline.paths import Paths

FEW = ("catalog", "weights", "blobs", "orders", "uses", "index", "digests", "mark")
"""Those that no other test flips, or repairs, through the commands' own functions."""


def test_a_flip_of_several_kinds_is_named_and_restored(finished: Project, tmp_path: Path) -> None:
    shutil.copytree(finished.root, tmp_path / "copy")  # flips strike in place: nothing may be shared
    victim, tally, rng = Victim(tmp_path / "copy"), Tally(), random.Random(5)
    file_sha256(Path(__file__), Paths(victim.root, "demo").open_cache())  # old enough that its digest is kept
    assert set(FEW) < KINDS.keys()
    for kind in FEW:
        trial(victim, kind, tally, rng)
    assert tally.misses == []
    assert sum(tally.tried.values()) == 8
