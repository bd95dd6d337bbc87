"""A stage by itself says where the files before it came of other params than the preset has now."""

from typing import Any

import pytest
from tiny import STAGES, TINY, Project
from typer.testing import CliRunner

import cli
from pipeline.params.presets import load_preset
from pipeline.planning.other_params import other_params

BACKBONES: dict[str, Any] = TINY["pretrain"]["backbones"]


def told(project: Project, stage: str, **changes: Any) -> str:
    """What `stage` would say with those changes of the params."""
    project.set_params(**changes)
    return other_params(project.paths, load_preset(project.root / "params.yaml", "demo"), stage)


def test_where_params_are_as_they_were_nothing_is_said(copied: Project) -> None:
    assert [told(copied, stage) for stage in STAGES] == [""] * len(STAGES)


@pytest.mark.parametrize(
    ("changes", "stages", "place", "first"),
    [
        ({"index.max_frames": 80}, STAGES[1:], "index.max_frames 64 → 80", "index"),
        (
            {"sample.r4.num_frames": 6},
            ("crop", "heatmaps", "pretrain", "features", "train", "report"),
            "sample.r4.num_frames 4 → 6",
            "sample",
        ),
        (
            {"crop.recipes.r4.size": [40, 40]},
            ("pretrain", "features", "train", "report"),
            "crop.recipes.r4.size [32, 32] → [40, 40]",
            "crop",
        ),
        ({"heatmaps.sigma": 0.8}, ("pretrain", "features"), "heatmaps.sigma 0.6 → 0.8", "heatmaps"),
        (
            {"pretrain.backbones": {**BACKBONES, "video": {**BACKBONES["video"], "dropout": 0.5}}},
            ("features", "train", "report"),
            "pretrain.backbones.video.dropout 0.0 → 0.5",
            "pretrain",
        ),
    ],
)
def test_what_comes_after_a_changed_section_says_which_value_it_was_made_with(
    copied: Project, changes: dict[str, Any], stages: tuple[str, ...], place: str, first: str
) -> None:
    for stage in STAGES:
        said = told(copied, stage, **changes)
        assert (place in said) == (stage in stages), (stage, said)
        assert said == "" or f"`python cli.py {first} demo` and what follows it" in said


def test_what_decides_no_result_and_what_is_not_there_are_passed_over(copied: Project) -> None:
    assert told(copied, "features", **{"crop.shard_rows": 32, "train.seeds": [5]}) == ""
    copied.paths.store("features").joinpath("zarr.json").unlink()
    assert told(copied, "train", **{"crop.recipes.r4.size": [40, 40]}) == ""


def test_the_command_says_it_and_goes_on(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied.root)
    copied.set_params(**{"index.max_frames": 80})
    monkeypatch.setattr(cli, "PROJECT", copied.root)
    result = CliRunner().invoke(cli.app, ["sample", "demo"])
    assert result.exit_code == 0
    assert result.output.startswith(
        "sample: what lies there was made with other params than the preset has now"
    )
    assert "sample: 0 clips made, 58 from cache" in result.output
