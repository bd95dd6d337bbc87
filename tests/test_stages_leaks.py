"""`selected_on: test`, the papers' way to choose epochs: possible, and said wherever a figure of it appears."""

import json

import pytest
from tiny import TINY, Project

from pipeline.errors import ParamError
from pipeline.evaluation.printed import describe_results

LEAKY = {**TINY["pretrain"], "selected_on": "test", "refit": False}


def test_the_test_clips_select_and_every_figure_says_so(copied: Project) -> None:
    copied.set_params(pretrain=LEAKY)
    copied.run_all("pretrain", "features", "train", "report")
    metrics = json.loads((copied.paths.reports / "metrics.json").read_text())
    assert metrics["selected_on"] == "test (leaks)"
    assert metrics["clips"]["val"] == 0
    assert sum(metrics["clips"].values()) == 63
    assert "every figure above leaks" in describe_results(copied.paths)
    assert "every figure on this page leaks" in (copied.paths.reports / "index.html").read_text()
    trainings = json.loads((copied.paths.weights / "backbones" / "trainings.json").read_text())
    assert {training["num_clips"] for training in trainings} == {metrics["clips"]["train"]}


def test_it_does_not_go_with_refitting(copied: Project) -> None:
    copied.set_params(pretrain={**LEAKY, "refit": True})
    with pytest.raises(ParamError, match="selected_on: test fits the whole training part already"):
        copied.preset  # noqa: B018
