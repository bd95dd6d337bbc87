"""docs/own_backbone.md and docs/own_head.md: the code and the preset that they show, run as they stand there."""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import HOUSE
from tiny import TINY, Project

from pipeline.catalog.opened import opened_store

HERE = Path(__file__).parent


def shown(page: str, language: str) -> str:
    """The page's one block in `language`."""
    text = (HOUSE / "docs" / f"{page}.md").read_text()
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return str(block)


@pytest.mark.parametrize("page", ["own_backbone", "own_head"])
def test_the_page_shows_what_the_other_tests_run(page: str) -> None:
    assert shown(page, "python") == (HERE / f"{page}.py").read_text()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a page's code into a folder on Python's path; gives the preset's sections that the page shows."""
    folder = tmp_path / "mine"
    folder.mkdir()

    def made(page: str) -> dict[str, Any]:
        (folder / f"{page}.py").write_text(shown(page, "python"))
        monkeypatch.delitem(sys.modules, page, raising=False)
        monkeypatch.syspath_prepend(str(folder))
        found = importlib.import_module(page)
        assert Path(str(found.__file__)).parent == folder
        return dict(yaml.safe_load(shown(page, "yaml")))

    return made


def test_the_backbone_is_trained_and_its_cuts_are_kept(copied: Project, mine: Any) -> None:
    asked = mine("own_backbone")
    backbones = {**TINY["pretrain"]["backbones"], **asked["pretrain"]["backbones"]}
    train = {**TINY["train"], **asked["train"]}
    copied.set_params(**{"pretrain.backbones": backbones, "train": train})
    assert copied.run("pretrain").made == 2  # a selection run and the final one; the others are known
    copied.run_all("features", "train")
    features = opened_store(copied.paths.store("features"))
    assert features.spec("mine_0").row_shape == (1, 8)
    assert features.spec("mine_0_heat").row_shape == (1, 25, 4)
    assert "mine" in json.loads((copied.paths.reports / "metrics.json").read_text())


def test_the_head_is_fitted_and_is_what_others_are_compared_with(copied: Project, mine: Any) -> None:
    copied.set_params(train={**TINY["train"], **mine("own_head")["train"]})
    assert copied.run("train").made == 3  # a selection run and two seeds; video and skeleton are known
    document = json.loads((copied.paths.reports / "metrics.json").read_text())
    assert document["fusion"] == "own_head:Weighed"
    assert 0 <= document["fused"]["mean"] <= 100
