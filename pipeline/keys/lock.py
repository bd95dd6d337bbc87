"""recipes.lock: which code a step's results were made by, and whether it is still the present one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cache.keys import key_of
from cache.recipes import Recipes
from pipeline.build.steps import STEPS

HOUSE = Path(__file__).resolve().parents[2]
"""Folder that holds our packages."""
PACKAGES = ("stages", "pipeline", "models", "cache")
"""Packages whose code a step may reach."""
TABLES = {
    "dataset": "pipeline.datasets.names:DATASETS",
    "backbone": "models.names:BACKBONES",
    "head": "models.names:HEADS",
    "enhancer": "models.night.names:ENHANCERS",
    "pose": "models.pose.names:POSE_NETWORKS",
    "detector": "models.pose.names:PERSON_DETECTORS",
}
"""Tables of what steps find by name: kind of part to the table that names all of that kind."""


def code_facts(step: str, parts: Iterable[str] = ()) -> dict[str, Any]:
    """Return the code of a step's results: its version, and the digest of all files that it and its parts reach."""
    house = recipes(HOUSE)
    known = house.parts()
    files = house.files(f"stages.{step}")
    for part in parts:
        files |= house.files(known[part][0]) if part in known else {}
    return {"step": step, "version": STEPS[step].version, "recipe": key_of(dict(files))}


def recipes(house: Path) -> Recipes:
    """recipes.lock in the folder that holds our packages, and what it must agree with."""
    steps = {step.name: (f"stages.{step.name}", step.version) for step in STEPS.values()}
    return Recipes(house, house / "recipes.lock", PACKAGES, steps, TABLES)
