"""docs/models.md lists the backbones that there are, as they declare themselves."""

import inspect
import re
from typing import get_args

import pytest
from house import HOUSE
from typer.testing import CliRunner

import cli
from models.backbones import backbone_class
from models.cuts import Backbone
from models.figures.published import published
from models.figures.published_row import System
from models.head import decided_by_data, head_class, head_inputs
from models.names import BACKBONES, HEADS
from models.preprocessing import HeatmapInput, JointInput, VideoInput
from pipeline.skeleton.layouts import NTU_25

PAGE = (HOUSE / "docs" / "models.md").read_text()

BACKBONES_TABLE = PAGE.partition("## Backbones")[2].partition("\n## ")[0]

CALLED = {VideoInput: "video", HeatmapInput: "heatmaps", JointInput: "joints"}


def row(kind: str, made: type[Backbone]) -> list[str]:
    clip = "×".join(str(length) for length in made.expects.shape)
    return [kind, CALLED[type(made.expects)], clip, ", ".join(cut.name for cut in made.cuts)]


def test_the_list_of_backbones_is_the_codes() -> None:
    cells = [
        line.strip("| ").split(" | ")
        for line in BACKBONES_TABLE.splitlines()
        if re.match(r"\| \w+ \| .*×", line)
    ]
    listed = sorted([kind, fed, clip, cuts] for kind, _, fed, clip, cuts in cells)
    assert listed == sorted(row(kind, backbone_class(kind)) for kind in BACKBONES)


def test_systems_are_those_of_the_table_of_sizes() -> None:
    known = {entry.system for entry in published(NTU_25.bones, NTU_25.num_joints)}
    named = re.findall(r"^\| \w+ \| ([\w-]+)[^|]* \| (?:video|joints|heatmaps) \|", PAGE, re.M)
    assert set(named) == known == set(get_args(System))


@pytest.mark.parametrize("command", ["extract", "export"])
def test_options_that_the_page_uses_exist(command: str) -> None:
    output = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"}).output
    (line,) = re.findall(rf"^python cli.py {command} .*$", PAGE, re.M)
    options = {*re.findall(r"--\w+", line), *(("--cut", "--views") if command == "extract" else ())}
    assert all(option in output for option in options)


def test_the_list_of_heads_is_the_codes() -> None:
    """Each with the cuts that it takes by default and cannot do without, and with every option that params may set."""
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \| [^|]+ \| ([\w, ]+) \|$", PAGE.split("## Heads")[1], re.M)
    expected = {}
    for kind in HEADS:
        takes = ", ".join(f"{one.stream} {one.cut}" for one in head_inputs(kind, {}) if one.needed)
        free = inspect.signature(head_class(kind)).parameters.keys() - decided_by_data(kind)
        expected[kind] = (takes, free)
    assert {kind: (takes, {*options.split(", ")} - {"none"}) for kind, takes, options in rows[1:]} == expected
