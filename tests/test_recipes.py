"""recipes.lock stands for the code as it is, and refuses what it does not know."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house import HOUSE, ROOMS, modules, reached
from tiny import Project, content

from cache import RecipeDriftError
from pipeline.build.steps import STEPS
from pipeline.keys.lock import TABLES, recipes


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of our packages and the lock file."""
    for name in ROOMS:
        shutil.copytree(HOUSE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "recipes.lock", tmp_path / "recipes.lock")
    return tmp_path


@pytest.mark.parametrize("step", sorted(STEPS))
def test_the_lock_agrees_with_the_code(step: str) -> None:
    recipes(HOUSE).check(step)


def test_every_stage_that_caches_is_a_step() -> None:
    stages = {name.split(".")[1] for name in modules() if name.startswith("stages.")}
    assert STEPS.keys() == stages - {
        "report",
        "enhance",
        "export",
        "load_params",
        "sound_params",
        "plan",
        "saliency",
    }


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_step_reaches_what_its_imports_reach(step: str) -> None:
    """Two readers of the same imports, written apart; tables of names are followed by neither."""
    listed = set(recipes(HOUSE).files(f"stages.{step}"))
    names = reached(f"stages.{step}") - {where.partition(":")[0] for where in TABLES.values()}
    assert listed == {modules()[name].relative_to(HOUSE).as_posix() for name in names}


HELPERS = {
    "pipeline/video/pixels.py": {"pretrain", "features"},
    "cache/keys.py": set(STEPS),
    "models/head.py": {"train"},
}
"""A helper, and steps that its change must stop."""


@pytest.mark.parametrize("helper", sorted(HELPERS))
def test_a_changed_helper_stops_the_steps_that_reach_it(house: Path, helper: str) -> None:
    path = house / helper
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    reaching = {step for step in STEPS if helper in recipes(house).files(f"stages.{step}")}
    assert reaching >= HELPERS[helper]
    for step in STEPS:
        if step in reaching:
            with pytest.raises(RecipeDriftError, match=rf"changed: {helper}.*raise the version"):
                recipes(house).check(step)
        else:
            recipes(house).check(step)


def test_a_comment_and_a_docstring_stop_nothing(house: Path) -> None:
    for helper in HELPERS:
        path = house / helper
        path.write_text(path.read_text() + '\n# a comment\n"""And a string that stands alone."""\n')
    for step in STEPS:
        recipes(house).check(step)


def test_features_refuse_code_that_changed_under_them_and_bear_a_comment(
    house: Path, copied: Project
) -> None:
    """In processes of their own, on a house of their own: its code is what runs, and what is checked."""
    for name in ("cli.py", "cli_cache.py", "cli_stages.py"):
        shutil.copy(HOUSE / name, house / name)
    recipes(house).bless()
    helper = house / "pipeline" / "video" / "pixels.py"
    code = helper.read_text()

    def run(text: str) -> "subprocess.CompletedProcess[str]":
        helper.write_text(text)
        command = [sys.executable, str(house / "cli.py"), "features", "demo"]
        return subprocess.run(
            command, env=copied.environment, cwd=house, capture_output=True, text=True, check=False
        )

    commented = run(f"{code}\n# This says more, and does the same.\n")
    assert commented.returncode == 0, commented.stderr
    assert "0 clips made, 58 from cache" in commented.stdout
    before = content(copied.paths.store("features"))
    changed = run(f"{code}\nSCALE = 2\n")
    assert changed.returncode == 2
    for part in (
        "step 'features'",
        "changed: pipeline/video/pixels.py",
        "raise the version",
        "recipes bless",
    ):
        assert part in changed.stderr
    assert content(copied.paths.store("features")) == before
