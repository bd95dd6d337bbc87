"""recipes.lock: which code a step's results were made by, and whether it is still the present one."""

import sys
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cache.answers import Answers
from cache.keys import JSON, key_of
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
LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "pydantic",
    "mmpose",
    "rtmlib",
    "onnxruntime",
    "timm",
    "transformers",
)
"""Those that decide what a network or a head refuses, and the shapes that it gives."""


def code_facts(step: str, parts: Iterable[str], answers: Answers) -> dict[str, Any]:
    """Return the code of a step's results: its version, and the digest of all files that it and its parts reach."""

    def recipe() -> str:
        house = recipes(HOUSE)
        known = house.parts()
        files = house.files(f"stages.{step}")
        for part in parts:
            files |= house.files(known[part][0]) if part in known else {}
        return key_of(dict(files))

    found = answers.get(["recipe", step, " ".join(sorted(parts)), sources(HOUSE)], recipe)
    return {"step": step, "version": STEPS[step].version, "recipe": found}


def check_code(step: str, parts: Iterable[str], answers: Answers) -> None:
    """Refuse as `Recipes.check` does, which parses all that the step reaches: once for the same sources and lock."""
    house = recipes(HOUSE)

    def agrees() -> bool:
        house.check(step, parts)
        return True

    lock = house.lockfile.read_text() if house.lockfile.exists() else ""
    answers.get(["agrees", step, " ".join(sorted(parts)), sources(HOUSE), lock], agrees)


def of_code(answers: Answers, question: list[JSON], find: Callable[[], JSON]) -> JSON:
    """Return what `find` gives, or gave for the same question, code of ours and libraries."""
    return answers.get([*question, sources(HOUSE), sys.version, *map(_version, LIBRARIES)], find)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def sources(house: Path) -> str:
    """Digest of every source file of our packages as they are when a process first asks."""
    digest = blake2b(digest_size=20)
    for package in PACKAGES:
        for path in sorted((house / package).rglob("*.py")):
            code = path.read_bytes()
            digest.update(f"{path.relative_to(house)} {len(code)}\n".encode() + code)
    return digest.hexdigest()


def recipes(house: Path) -> Recipes:
    """recipes.lock in the folder that holds our packages, and what it must agree with."""
    steps = {step.name: (f"stages.{step.name}", step.version) for step in STEPS.values()}
    return Recipes(house, house / "recipes.lock", PACKAGES, steps, TABLES)
