"""Names and options that params.yaml hands on: a typo is refused before anything runs, with place and nearest name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from house import HOUSE
from test_params import at, places, written
from tiny import Project, tiny_params

from models.backbones import backbone_class
from models.head import decided_by_data, head_class
from models.names import BACKBONES, HEADS
from pipeline.datasets.names import DATASETS
from pipeline.datasets.opened import dataset_class
from pipeline.errors import ParamError
from pipeline.params.options import fits, option_mistakes, spoken
from stages.load_params import load_params

VIDEO, SKELETON = "pretrain.backbones.video", "pretrain.backbones.skeleton"
POSE = "pretrain.backbones.pose"

PUBLISHED = {"path": "weights.pt", "sha256": "0" * 64, "kind": "2s_agcn"}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an adapter": ({"index.adapter": "ntuu"}, "index.adapter", "did you mean 'ntu'?"),
    "its option": ({"index.options": {"mising_list": "none"}}, "index.options.mising_list", "'missing_list'?"),
    "its option's choice": (
        {"index.options": {"missing_list": "nome"}}, "index.options.missing_list", "did you mean 'none'?",
    ),
    "its option's type": ({"index.options": {"version": "60"}}, "index.options.version", "one of [60, 120]"),
    "true for its number": ({"index.options": {"max_persons": True}}, "index.options.max_persons", "got True"),
    "a backbone": ({f"{VIDEO}.model": {"kind": "r3d81"}}, f"{VIDEO}.model.kind", "did you mean 'r3d18'?"),
    "no backbone": ({f"{VIDEO}.model": {}}, f"{VIDEO}.model", "no backbone None; there are"),
    "one's own that isn't there": ({f"{VIDEO}.model": {"kind": "x.y:Z"}}, f"{VIDEO}.model.kind", "PYTHONPATH"),
    "its option misspelt": (
        {f"{VIDEO}.model": {"kind": "r3d18", "widht": 4}}, f"{VIDEO}.model.widht", "did you mean 'width'?",
    ),
    "true for its width": ({f"{VIDEO}.model": {"kind": "r3d18", "width": True}}, f"{VIDEO}.model.width", "got True"),
    "a width that cannot be": ({f"{VIDEO}.model": {"kind": "r3d18", "width": 0}}, f"{VIDEO}.model", "1 or more"),
    "what a dataset decides": (
        {f"{VIDEO}.model": {"kind": "r3d18", "in_channels": 3}}, f"{VIDEO}.model.in_channels", "unknown key",
    ),
    "a network over videos for heatmaps": (
        {POSE: {"modality": "heatmaps", "model": {"kind": "r3d18"}, "plan": {"epochs": 1, "batch": 4, "lr": 0.1}}},
        f"{POSE}.modality", "'r3d18' takes VideoInput, which 'heatmaps' is not",
    ),
    "joints for a video": ({f"{VIDEO}.model": {"kind": "agcn"}}, f"{VIDEO}.modality", "JointInput"),
    "a layout": (
        {f"{SKELETON}.model": {"kind": "agcn", "layout": "oficial_10"}}, f"{SKELETON}.model.layout", "'official_10'?",
    ),
    "a block": (
        {f"{SKELETON}.model": {"kind": "ctrgcn", "layout": [[16, True]]}}, f"{SKELETON}.model.layout", "whole number",
    ),
    "a block that cannot be": (
        {f"{SKELETON}.model": {"kind": "agcn", "layout": [[3, 1]]}}, f"{SKELETON}.model", "divisible by 4",
    ),
    "a head's switch in a backbone": (
        {f"{SKELETON}.model": {"kind": "agcn", "sf_head": {"grups": 3}}}, f"{SKELETON}.model", "'grups'",
    ),
    "another network's weights": (
        {f"{VIDEO}.pretrained": PUBLISHED}, f"{VIDEO}.pretrained.kind", "model is 'agcn', expected 'r3d18'",
    ),
    "weights for other joints": (
        {f"{SKELETON}.pretrained": PUBLISHED, f"{SKELETON}.model": {"kind": "agcn"}},
        f"{SKELETON}.pretrained.kind", "normalisation.style is 'agcn', expected 'ctr'; set the params",
    ),
    "weights of another width": (
        {f"{SKELETON}.pretrained": PUBLISHED, f"{SKELETON}.input": {"style": "agcn"}},
        f"{SKELETON}.pretrained.kind", "options.layout is None, expected [[8, 1], [16, 2]]; set the params",
    ),
    "a cut": ({f"{VIDEO}.cuts": ["features", "mpa"]}, f"{VIDEO}.cuts", "did you mean 'map'?"),
    "a plan": ({"train.plan.schedule": "milestones"}, "train.plan", "milestones go with schedule milestones"),
    "a backbone's plan": ({f"{VIDEO}.plan.warmup_epochs": 9}, f"{VIDEO}.plan", "warmup_epochs"),
    "a head": ({"train.methods": ["avrage"], "train.fused": "avrage"}, "train.methods", "did you mean 'average'?"),
    "what the others are compared with": (
        {"train.methods": ["average"], "train.fused": "avrage"}, "train.fused", "did you mean 'average'?), which",
    ),
    "a head's name in options": ({"train.options": {"amfy": {}}}, "train.options.amfy", "did you mean 'amfi'?"),
    "a head's option": (
        {"train.options": {"amfi": {"lambda_gyte": 1.0}}}, "train.options.amfi.lambda_gyte", "'lambda_gate'?",
    ),
    "a word for its number": (
        {"train.options": {"amfi": {"lambda_gate": "1"}}}, "train.options.amfi.lambda_gate", "must be a number",
    ),
    "a value it refuses": ({"train.options": {"amfi": {"lambda_gate": -1}}}, "train.options.amfi", "0 or more"),
    "another head's kind": ({"train.options": {"average": {"kind": "max"}}}, "train.options.average.kind", "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused_with_its_place_and_the_nearest_name(tmp_path: Path, case: str) -> None:
    changes, where, message = REFUSED[case]
    document = tiny_params(**changes)
    with pytest.raises(ParamError) as caught:
        load_params(written(tmp_path, document), "demo")
    assert places(str(caught.value)) == [f"presets.demo.{where}"]
    assert message in str(caught.value)
    at(document, f"presets.demo.{where}")


def test_index_refuses_it_already(project: Callable[..., Project]) -> None:
    mine = project(**{"train.methods": ["avrage"], "train.fused": "avrage", f"{VIDEO}.model.kind": "r3d81"})
    ran = mine.cli("index", "demo")
    assert ran.returncode == 2
    assert "presets.demo.train.methods: no head 'avrage' (did you mean 'average'?)" in ran.stderr
    assert f"presets.demo.{VIDEO}.model.kind" in ran.stderr
    assert not mine.paths.data.exists()


@pytest.mark.parametrize("preset", sorted(yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"]))
def test_every_preset_of_ours_passes(preset: str) -> None:
    load_params(HOUSE / "params.yaml", preset)


def test_options_of_a_head_that_is_not_run_may_stay(tmp_path: Path) -> None:
    changes = {
        "train.methods": ["video"],
        "train.fused": "video",
        "train.options": {"amfi": {"lambda_gate": 2}},
    }
    assert load_params(written(tmp_path, tiny_params(**changes)), "demo").train.methods == ("video",)


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (int, [0, -3], [True, 1.0, "3", None]),
        (float, [0, 0.5], [False, "0.5", float("nan"), [1.0]]),
        (bool, [True], [1, "true"]),
        (str, ["a"], [1, None]),
        (int | None, [None, 2], [False, "2"]),
        (Literal["a", 1], ["a", 1], [True, "1", "b"]),
        (tuple[int, int], [[1, 2]], [[1], [1, True], 3]),
        (tuple[int, ...], [[], [1, 2, 3]], [[1.5], "12"]),
        (Sequence[Sequence[int]] | None, [None, [[1], []]], [[1], [["1"]]]),
        (str | Sequence[int], ["1 3", [1, 3]], [3, [True]]),
        (Mapping[str, float], [{"a": 1}], [{"a": "1"}, []]),
        (int | Path, [1], [True, "x"]),
        (Path, ["left to its author", 1], []),
        (Any, [object()], []),
    ],
)
def test_types_as_yaml_has_them(hint: Any, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not fits(value, hint)] == []
    assert [value for value in bad if fits(value, hint)] == []
    assert spoken(hint)


def test_a_class_may_take_any_option() -> None:
    def open_minded(root: Path, *, size: int = 1, **rest: Any) -> None: ...

    found = list(option_mistakes(open_minded, {"anything": 1, "size": "2", "root": "x"}, {"root"}))
    assert [place for place, _ in found] == [("size",), ("root",)]


@pytest.mark.parametrize("name", sorted({*BACKBONES, *HEADS, *DATASETS}))
def test_every_option_of_ours_says_its_type(name: str) -> None:
    """A parameter without a type would be checked by nobody: a word where a number is meant must be found."""
    tables = ((BACKBONES, backbone_class), (HEADS, head_class), (DATASETS, dataset_class))
    for make in (found(name) for table, found in tables if name in table):  # type: ignore[operator]
        options = {mistake[0][0] for mistake in option_mistakes(make, {"?": 0})}
        assert options == {"?"}
        given = {"root", "edges"} | (decided_by_data(name) if name in HEADS else set())
        free = [p for p in inspect.signature(make).parameters if p not in given]
        nonsense = dict.fromkeys(free, object())
        assert {place[0] for place, _ in option_mistakes(make, nonsense)} == set(free)
