"""params.yaml at the edge: what stands there is used, what cannot be meant is refused with its place."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from house import HOUSE
from tiny import PLAN, TINY, Project, tiny_params

from models.published.kinds import WeightsKind
from models.training.plan import FitPlan
from pipeline.build.steps import as_json
from pipeline.errors import ParamError, PipelineError
from pipeline.keys.keyed import in_key
from pipeline.params.backbones import Pretrained
from pipeline.params.params import HeatmapParams, Preset
from pipeline.params.presets import load_preset, sound_params
from pipeline.video.sampling import SamplingRule


def written(folder: Path, document: Any) -> Path:
    path = folder / "params.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def test_every_preset_of_ours_can_be_used() -> None:
    path = HOUSE / "params.yaml"
    document = yaml.safe_load(path.read_text())
    presets = {name: load_preset(path, name) for name in document["presets"]}
    assert {"demo", "utd_mhad"} <= presets.keys()
    assert document["preset"] in presets
    assert presets["utd_mhad"].pretrain.seeds == (0, 1, 2)


def test_a_preset_becomes_frozen_values(tmp_path: Path) -> None:
    preset = load_preset(written(tmp_path, tiny_params()), "demo")
    assert isinstance(preset, Preset)
    assert preset.sample == {"r4": SamplingRule(rule="centered", num_frames=4)}
    assert preset.crop.recipes["r4"].size == (32, 32)
    assert preset.heatmaps.use_score is HeatmapParams(recipe="r4").use_score is True
    with pytest.raises(ValueError, match="frozen"):
        preset.max_failed = 0.5  # type: ignore[misc]


SGD_DOCUMENT = {
    "epochs": 16,
    "batch": 16,
    "lr": 0.05,
    "schedule": "cosine",
    "milestones": [],
    "warmup_epochs": 1,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 0.0005,
    "label_smoothing": 0.0,
}
"""The demo's plan as it went into cache keys before there was another optimiser."""


def test_a_plan_with_sgd_keeps_the_document_that_keys_are_made_of() -> None:
    demo = load_preset(HOUSE / "params.yaml", "demo")
    plan = demo.pretrain.backbones["video"].plan
    assert as_json(in_key(plan)) == SGD_DOCUMENT
    assert as_json(in_key(demo.pretrain.backbones["video"]))["plan"] == SGD_DOCUMENT
    adam = plan.model_copy(update={"optimiser": "adam"})
    assert as_json(in_key(adam)) == {**SGD_DOCUMENT, "optimiser": "adam"}


def test_what_the_papers_plans_say_is_taken_and_enters_the_key(tmp_path: Path) -> None:
    """EPAM-Net's code clips at 40; SF-Head's cosine ends at 1e-4, CTR-GCN's warm-up with its last epoch."""
    papers = {
        "schedule": "cosine",
        "lr_min": 1e-4,
        "warmup_epochs": 1,
        "warmup_end": "last",
        "grad_clip": 40.0,
    }
    path = written(tmp_path, tiny_params(**{"train.plan": {**PLAN, **papers}}))
    plan = load_preset(path, "demo").train.plan
    assert {name: as_json(in_key(plan))[name] for name in papers} == papers
    fitted = FitPlan(**plan.model_dump(exclude={"batch"}))
    assert {name: getattr(fitted, name) for name in papers} == papers


REFUSED = {
    "a section misspelt": ({"crops": {}}, "presets.demo.crops: unknown key", "did you mean 'crop'?"),
    "a key misspelt": (
        {"heatmaps.sigm": 0.6},
        "presets.demo.heatmaps.sigm: unknown key",
        "did you mean 'sigma'?",
    ),
    "a key of a value misspelt": (
        {"sample.r4.num_frame": 4},
        "presets.demo.sample.r4.num_frame: unknown key",
        "did you mean 'num_frames'?",
    ),
    "a key deep in a union misspelt": (
        {"pretrain.backbones.video.plan": {"epochs": 2, "batch": 16, "lr": 0.1, "nestrov": True}},
        "plan.nestrov: unknown key",
        "did you mean 'nesterov'?",
    ),
    "a key of a box misspelt": (
        {"crop.recipes.r4.box": {"rul": "square"}},
        "presets.demo.crop.recipes.r4.box.rul: unknown key",
        "did you mean 'rule'?",
    ),
    "a wrong type": ({"pretrain.seeds": "zero"}, "presets.demo.pretrain.seeds", "got 'zero'"),
    "a value out of range": ({"max_failed": 2}, "presets.demo.max_failed", "got 2"),
    "a recipe that isn't there": (
        {"heatmaps.recipe": "r5"},
        "presets.demo.heatmaps.recipe: no 'r5'",
        "crop.recipes: ['r4']",
    ),
    "a backbone that isn't there": (
        {"train.video": ["vidoe"]},
        "presets.demo.train.video: no 'vidoe'",
        "did you mean 'video'?",
    ),
    "a sampling rule's nonsense": ({"sample.r4.num_frames": 0}, "presets.demo.sample.r4", "0"),
    "true for a number": ({"sample.r4.num_frames": True}, "presets.demo.sample.r4.num_frames", "got True"),
    "true for a fraction": ({"max_failed": True}, "presets.demo.max_failed", "got True"),
    "a word for a number": ({"report.clips": "3"}, "presets.demo.report.clips", "got '3'"),
    "a fraction for a whole number": (
        {"pretrain.seeds": [0, 1.0]},
        "presets.demo.pretrain.seeds[1]",
        "got 1.0",
    ),
    "one number too few": ({"heatmaps.size": [16]}, "presets.demo.heatmaps.size", "one more value"),
    "a number for a truth": (
        {"heatmaps.with_limbs": 1},
        "presets.demo.heatmaps.with_limbs",
        "got 1",
    ),
    "no finite number": ({"heatmaps.sigma": float("inf")}, "presets.demo.heatmaps.sigma", "finite"),
    "a stream misspelt": (
        {"pretrain.backbones.skeleton.stream": "bnoe"},
        "presets.demo.pretrain.backbones.skeleton.stream",
        "did you mean 'bone'?",
    ),
    "a modality misspelt": (
        {"pretrain.backbones.video.modality": "vidio"},
        "presets.demo.pretrain.backbones.video",
        "did you mean 'video'?",
    ),
    "no modality": (
        {"pretrain.backbones.video": {"model": {"kind": "r3d18"}}},
        "presets.demo.pretrain.backbones.video: needs 'modality'",
        "",
    ),
    "features that heads need and nobody keeps": (
        {"pretrain.backbones.video.cuts": ["map"]},
        "presets.demo.pretrain.backbones.video.cuts",
        "must hold 'features'",
    ),
    "a sampling that isn't there": (
        {"crop.recipes.r4.sampling": "r44"},
        "presets.demo.crop.recipes.r4.sampling",
        "did you mean 'r4'?",
    ),
    "shards that aren't whole chunks": ({"features.shard_rows": 20}, "features.shard_rows", "multiple of 16"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused_with_place_and_hint(tmp_path: Path, case: str) -> None:
    changes, where, hint = REFUSED[case]
    with pytest.raises(ParamError) as caught:
        load_preset(written(tmp_path, tiny_params(**changes)), "demo")
    assert where in str(caught.value)
    assert hint in str(caught.value)
    assert "params.yaml" in str(caught.value)


def places(message: str) -> list[str]:
    """What stands before the first colon of each line: where in params.yaml to look."""
    return [line.strip().split(": ")[0] for line in message.splitlines()[1:]]


def at(document: Any, place: str) -> Any:
    """What stands there; KeyError or IndexError where nothing does."""
    for key in re.findall(r"[^.\[\]]+", place):
        document = document[int(key) if isinstance(document, list) else key]
    return document


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_the_place_that_a_refusal_prints_is_there(tmp_path: Path, case: str) -> None:
    document = tiny_params(**REFUSED[case][0])
    with pytest.raises(ParamError) as caught:
        load_preset(written(tmp_path, document), "demo")
    found = places(str(caught.value))
    assert found
    for place in found:
        assert place.startswith("presets.demo")
        at(document, place)


def test_a_whole_number_may_stand_for_a_fraction(tmp_path: Path) -> None:
    changes = {"max_failed": 1, "pretrain.backbones.video.augment.scales": [1, 2], "train.plan.lr": 1}
    preset = load_preset(written(tmp_path, tiny_params(**changes)), "demo")
    assert (preset.max_failed, preset.train.plan.lr) == (1.0, 1.0)
    assert isinstance(preset.train.plan.lr, float)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    changes = {"heatmaps.sigm": 1, "crop.shard_row": 8, "index.protocl": "xsub"}
    with pytest.raises(ParamError) as caught:
        load_preset(written(tmp_path, tiny_params(**changes)), "demo")
    assert all(place.split(".")[-1] in str(caught.value) for place in changes)


def test_a_section_that_lacks_is_named(tmp_path: Path) -> None:
    document = tiny_params()
    del document["presets"]["demo"]["index"]
    with pytest.raises(ParamError, match=r"presets\.demo: needs 'index'"):
        load_preset(written(tmp_path, document), "demo")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("presets: [", "is not YAML"),
        ("- 1\n", "needs a mapping called `presets`"),
        ("dataset: demo\n", "needs a mapping called `presets`"),
        ({"presets": {"dmeo": TINY}}, r"no preset 'demo' \(did you mean 'dmeo'\?\)"),
        ({"presets": {"demo": None}}, "presets.demo"),
    ],
)
def test_a_file_that_is_no_params_file(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        load_preset(written(tmp_path, document), "demo")


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"params\.yaml is not there"):
        load_preset(tmp_path / "params.yaml", "demo")


@pytest.mark.parametrize("preset", sorted(yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"]))
def test_each_preset_writes_out_every_section_that_dvc_looks_up(preset: str) -> None:
    """DVC reads params.yaml itself: a section left to its defaults would be missing there."""
    given = yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"][preset]
    stages = yaml.safe_load((HOUSE / "dvc.yaml").read_text())["stages"].values()
    named = {name.split(".")[2] for stage in stages for name in stage["params"] if name.count(".") >= 2}
    assert named <= given.keys()


def test_weights_that_params_may_name_are_those_that_can_be_loaded() -> None:
    """Scores twice, since params know no torch."""
    assert get_args(Pretrained.model_fields["kind"].annotation) == get_args(WeightsKind)


def test_a_mistake_is_looked_for_again_and_what_is_sound_is_not(finished: Project, tmp_path: Path) -> None:
    """What was missing, as a pose network's config, may be there by now."""
    mine = finished.copy(tmp_path / "mine")
    with pytest.raises(ParamError, match="pretrain: no such file"):
        sound_params(mine.paths, "demo", lambda _: [(("pretrain",), "no such file")])
    assert sound_params(mine.paths, "demo", lambda _: []).pretrain.seeds == (0,)
    assert sound_params(mine.paths, "demo", lambda _: pytest.fail("asked again")).pretrain.seeds == (0,)
