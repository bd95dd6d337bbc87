"""Plans of the papers at `--scale paper`: each constant is SPEC's (sections 1 to 5), or the official code's."""

from typing import Any

import pytest
from house import HOUSE

from models.cuts import ClassifierInit
from models.lookup import found_by_name
from models.names import BACKBONES, BackboneKind
from models.night.zerodce_fit import EnhancerPlan
from models.training.fit import ADAM_SECOND_BETA
from models.training.plan import FitPlan, learning_rate
from pipeline.params.backbones import TrainingPlan
from pipeline.params.presets import load_preset
from pipeline.tables.papers.names import TABLES
from pipeline.video.boxes import BoxRule
from pipeline.video.pixels import PixelScale

HEADS = "the heads"

SGD: dict[str, Any] = {
    "optimiser": "sgd",
    "momentum": 0.9,
    "label_smoothing": 0.0,
    "warmup_epochs": 0,
    "lr_min": 0.0,
}
COSINE = {**SGD, "schedule": "cosine", "nesterov": False, "grad_clip": None}
STEPS = {**SGD, "schedule": "milestones", "weight_decay": 5e-4, "grad_clip": None}
EPAM = {**COSINE, "weight_decay": 3e-4, "grad_clip": 40.0}
SF_HEAD = {
    **COSINE, "epochs": 90, "batch": 64, "lr": 0.1, "lr_min": 1e-4, "weight_decay": 4e-4, "nesterov": True,
    "warmup_epochs": 5, "warmup_end": "last",
}  # fmt: skip

PLANS: dict[tuple[str, str], dict[str, Any]] = {
    ("cssi-6", HEADS): {
        "optimiser": "adam", "epochs": 200, "batch": 512, "lr": 0.005, "weight_decay": 0.001, "schedule": "constant",
        "momentum": 0.9,
    },
    ("amfi-3", "video"): {**STEPS, "epochs": 50, "batch": 64, "lr": 0.1, "milestones": (20, 40), "nesterov": False},
    ("amfi-3", "skeleton"): {**STEPS, "epochs": 50, "batch": 64, "lr": 0.1, "milestones": (30, 40), "nesterov": True},
    ("amfi-3", HEADS): {**STEPS, "epochs": 6, "lr": 0.01, "milestones": (3,)},
    ("epam-3", "rgb"): {**EPAM, "epochs": 200, "batch": 64, "lr": 0.05},
    ("epam-3", "pose"): {**EPAM, "epochs": 240, "batch": 96, "lr": 0.0375},
    ("epam-3", HEADS): {**EPAM, "epochs": 10, "batch": 24, "lr": 0.001},
    ("interaction-3", "paths_full"): {**COSINE, "epochs": 150, "batch": 8, "lr": 0.01, "weight_decay": 6e-4},
    ("sfhead-1", "graph"): SF_HEAD,
    ("sfhead-1", HEADS): SF_HEAD,
    ("sfhead-4", "ctrgcn_sf"): SF_HEAD,
}  # fmt: skip
"""Table, and backbone or heads, to what the paper prints, or its official code where the paper is silent."""


@pytest.mark.parametrize(("table", "of"), PLANS)
def test_the_plan_is_the_papers(table: str, of: str) -> None:
    setup = TABLES[table].setups["paper"]
    given = setup.plan if of == HEADS else setup.backbones[of]["plan"]
    plan = TrainingPlan(**given)
    assert {name: getattr(plan, name) for name in PLANS[table, of]} == PLANS[table, of]


@pytest.mark.parametrize(
    ("table", "of", "dropout"),
    [("epam-3", "rgb", 0.5), ("epam-3", "pose", 0.5), ("interaction-3", "paths_full", 0.5)],
)
def test_dropout_before_the_classifier_is_the_papers(table: str, of: str, dropout: float) -> None:
    assert TABLES[table].setups["paper"].backbones[of]["dropout"] == dropout


def test_amfis_heads_learn_a_tenth_from_the_fourth_epoch_on() -> None:
    plan = FitPlan(**{n: v for n, v in TABLES["amfi-3"].setups["paper"].plan.items() if n != "batch"})
    assert [learning_rate(plan, epoch) for epoch in range(6)] == pytest.approx([0.01] * 3 + [0.001] * 3)


def test_sf_heads_warm_up_begins_at_a_fifth_and_its_cosine_ends_near_the_floor() -> None:
    plan = FitPlan(**{n: v for n, v in TABLES["sfhead-1"].setups["paper"].plan.items() if n != "batch"})
    rates = [learning_rate(plan, epoch) for epoch in range(90)]
    assert rates[:6] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    assert 1e-4 < rates[-1] < 1.4e-4


@pytest.mark.parametrize(
    ("kind", "init"),
    [
        ("agcn", "sqrt_2_over_k"), ("aagcn", "sqrt_2_over_k"), ("ctrgcn", "sqrt_2_over_k"),
        ("rgb_xshift", "normal_0.01"), ("pose_xshift", "normal_0.01"), ("two_path", "normal_0.01"),
    ],
)  # fmt: skip
def test_classifiers_begin_as_the_official_code_has_them(kind: BackboneKind, init: ClassifierInit) -> None:
    assert found_by_name(kind, BACKBONES, "backbone").classifier_init == init


def test_zero_dces_plan_is_its_official_codes() -> None:
    plan = EnhancerPlan()
    assert (plan.epochs, plan.batch, plan.lr, plan.weight_decay, plan.grad_clip) == (200, 8, 1e-4, 1e-4, 0.1)
    assert (plan.losses.smoothness, plan.losses.spatial, plan.losses.colour, plan.losses.exposure) == (
        200,
        1,
        5,
        10,
    )
    assert ADAM_SECOND_BETA == 0.999


def test_epams_pixels_are_scaled_as_its_code_scales_them() -> None:
    pixels = PixelScale(**TABLES["epam-3"].setups["paper"].backbones["rgb"]["pixels"])
    assert [255 * value for value in pixels.mean] == pytest.approx([123.675, 116.28, 103.53])
    assert [255 * value for value in pixels.std] == pytest.approx([58.395, 57.12, 57.375])


@pytest.mark.parametrize(
    ("table", "recipe", "rule"),
    [("cssi-6", "segments", "clip"), ("amfi-3", "r16", "window"), ("epam-3", "rgb16", "square")],
)
def test_boxes_are_the_papers(table: str, recipe: str, rule: str) -> None:
    """SPEC 0.5: ten pixels around all joints, a window of 1000, a square a quarter larger than the person."""
    box = BoxRule(**TABLES[table].setups["paper"].recipes[recipe]["box"])
    assert (box.rule, box.buffer_px, box.padding) == (rule, 10.0, 0.25)


def test_the_preset_of_nw_ucla_is_ctr_gcns_code() -> None:
    plan = load_preset(HOUSE / "params.yaml", "nw_ucla").pretrain.backbones["skeleton"].plan
    fit = FitPlan(**plan.model_dump(exclude={"batch"}))
    assert (plan.epochs, plan.batch, plan.weight_decay, plan.nesterov) == (65, 16, 1e-4, True)
    assert [learning_rate(fit, epoch) for epoch in (0, 4, 49, 50)] == pytest.approx([0.02, 0.1, 0.1, 0.01])
