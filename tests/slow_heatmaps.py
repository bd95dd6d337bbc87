"""cli.py with its heatmaps slowed down, so that a test can end it midway; whatever the state of recipes.lock."""

import sys
import time
from typing import Any

import cli
from cache.recipes import Recipes
from pipeline.rows.heatmaps import HeatmapWork


def main() -> None:
    """Run the command line's words."""
    original = HeatmapWork._clip

    def slowly(work: HeatmapWork, *rest: Any) -> Any:
        time.sleep(0.03)
        return original(work, *rest)

    HeatmapWork._clip = slowly  # type: ignore[method-assign]
    Recipes.check = lambda *_: None  # type: ignore[assignment, method-assign]
    cli.app(sys.argv[1:])


if __name__ == "__main__":
    main()
