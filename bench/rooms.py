"""Rooms, levels and arrows of each package, as its imports say.

    python bench/rooms.py

`seen` counts what a folder shows at first sight: its rooms, and the files beside them. `levels` is the longest way
down along imports between those, `arrows` how many pairs of them there are; `up` counts arrows against the order that
docs/architecture.md draws. Before there were rooms, pipeline had 66, 13 and 197, cache 35, 12 and 180.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from house import ORDER, arrows, levels, modules, room_of  # type: ignore[import-not-found]


def seen(module: str) -> str:
    """The room, or the file where it lies in none."""
    room = room_of(module)
    return module if room == "root" else room


def main() -> None:
    """Print one line a package."""
    print(f"{'package':10} {'seen':>5} {'levels':>7} {'arrows':>7} {'up':>3}")
    for package, order in ORDER.items():
        inside = {m for m in modules() if m.split(".")[0] == package and m != package}
        files = arrows(package, seen)
        up = sum(order.index(a) > order.index(b) for a, b in arrows(package, room_of))
        print(f"{package:10} {len({seen(m) for m in inside}):5} {levels(files):7} {len(files):7} {up:3}")


if __name__ == "__main__":
    main()
