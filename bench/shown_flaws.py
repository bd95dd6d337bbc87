"""Three flaws put into recordings to be seen: are they on the report's page, and in the viewer?

    python bench/shown_flaws.py FOLDER

Copies the small demo dataset into FOLDER, and in test clips exchanges left and right from the middle on, lets a hand
leave the picture, takes the body from some frames and the whole skeleton file from one clip. Then it runs every stage
with tiny networks, and prints where the page lies and, with rerun, a file for the viewer. To be looked at.
"""

import argparse
import random
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.flaws import Frames, deleted, edited
from bench.project import STAGES, make_project, make_recordings
from pipeline.build.runner import RunOptions
from pipeline.look.look import look
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.skeleton.layouts import NTU_25

FIRST_JOINT = 2
"""Line of a body in a `.skeleton` file at which its joints start, behind its head and their number."""

CLIPS = {
    "sides": "S001C002P010R001A001",
    "hand": "S001C002P010R001A002",
    "nobody": "S001C002P010R001A003",
    "missing": "S001C002P010R001A004",
}
"""Test clips of the small demo, by their flaw."""


def swapped_sides(frames: Frames, _: random.Random) -> Frames:
    """Left and right joints change places from the middle frame on."""
    for bodies in frames[len(frames) // 2 :]:
        for body in bodies:
            for left, right in NTU_25.pairs:
                one, other = FIRST_JOINT + left, FIRST_JOINT + right
                body[one], body[other] = body[other], body[one]
    return frames


def hand_outside(frames: Frames, _: random.Random) -> Frames:
    """Both joints beyond the left wrist leave the colour picture to the left."""
    for bodies in frames[len(frames) // 3 :]:
        for body in bodies:
            for name in ("left_hand", "left_hand_tip"):
                line = FIRST_JOINT + NTU_25.joints.index(name)
                numbers = body[line].split()
                numbers[5] = str(-25.0)
                body[line] = " ".join(numbers)
    return frames


def nobody(frames: Frames, _: random.Random) -> Frames:
    """No body in the second quarter."""
    for number in range(len(frames) // 4, len(frames) // 2):
        frames[number] = []
    return frames


def spoil(paths: Paths) -> None:
    """Put each flaw into its clip."""
    edits = {"sides": swapped_sides, "hand": hand_outside, "nobody": nobody}
    for flaw, clip_id in CLIPS.items():
        path, rng = next(paths.raw.rglob(f"{clip_id}.skeleton")), random.Random(0)
        (edited(edits[flaw]) if flaw in edits else deleted)(path, rng)


def main() -> None:
    """Make the project, run it, and say where to look."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="new folder for recordings and results")
    folder = parser.parse_args().folder
    paths = make_project(folder / "project", make_recordings(folder / "recordings"), **{"report.clips": 60})
    spoil(paths)
    preset, options = load_preset(paths.params, "demo"), RunOptions(quiet=True)
    for stage in STAGES:
        __import__(f"stages.{stage}", fromlist=["run"]).run(paths, preset, options)
    print(paths.reports / "index.html")
    if find_spec("rerun") is not None:
        shown = [clip_id for flaw, clip_id in CLIPS.items() if flaw != "missing"]
        print(look(paths, preset, shown, save=folder / "flaws.rrd"))


if __name__ == "__main__":
    main()
