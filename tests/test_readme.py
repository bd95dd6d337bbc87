"""What the README tells people to type and to look at is there."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml
from house import HOUSE

import cli
from pipeline.datasets.names import DATASETS

README = (HOUSE / "README.md").read_text()
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", sorted(set(re.findall(r"python cli\.py (\S+)", README))))
def test_each_command_exists(line: str) -> None:
    assert line in COMMANDS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b(?!:)", README)) - {"install"}))
def test_each_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (HOUSE / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_each_link_leads_to_a_file_or_a_heading(link: str) -> None:
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert Path(HOUSE, link).is_file() or link in {"#" + one.lower().replace(" ", "-") for one in headings}


def test_each_adapter_and_preset_that_it_names_exists() -> None:
    presets = yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"]
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == set(DATASETS)
    made = set(re.findall(r"python cli\.py init (\w+)", README))
    named = {one or other for one, other in re.findall(r"preset=(\w+)|preset `(\w+)`", README)}
    assert named <= presets.keys() | made


def test_its_demo_table_is_what_metrics_names() -> None:
    """The figures come from a run; their rows must be the methods that a run reports."""
    methods = yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"]["demo"]
    assert {"video", "skeleton", "pose", "concatenation", "fused"} <= methods["report"]["ceilings"].keys()
    for row in ("video", "skeleton", "concatenation", "fused", "score_sum"):
        assert re.search(rf"^  {row} +\d+\.\d", README, re.MULTILINE)
