"""The plan of a training: what it refuses, and its rates epoch by epoch."""

import math
from typing import Any

import pytest

from models.errors import ModelParamError
from models.training.plan import FitPlan, learning_rate


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"lr": 0.0}, "lr and gamma"),
        ({"optimiser": "adamw"}, "optimiser must be 'sgd' or 'adam', got 'adamw'"),
        ({"momentum": 1.0}, "momentum"),
        ({"milestones": (1,)}, "milestones go with"),
        ({"grad_clip": 0.0}, "grad_clip"),
    ],
)
def test_plans_refuse_nonsense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        FitPlan(**{"epochs": 2, "lr": 0.1, **options})


def test_cosine_falls_to_its_floor_and_warm_up_begins_as_ctr_gcns_code() -> None:
    """SF-Head's plan: 5 epochs of warm-up to 0.1, then a cosine to 1e-4 over the 85 left."""
    plan = FitPlan(epochs=90, lr=0.1, schedule="cosine", warmup_epochs=5, warmup_end="last", lr_min=1e-4)
    rates = [learning_rate(plan, epoch) for epoch in range(90)]
    assert rates[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert rates[5] == pytest.approx(0.1)
    assert rates[5 + 34] == pytest.approx(1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * 34 / 85)) / 2)
    assert 1e-4 < rates[-1] < 1.4e-4
    assert learning_rate(FitPlan(epochs=90, lr=0.1, schedule="cosine", warmup_epochs=5), 0) == pytest.approx(
        0.1 / 6
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr_min": 0.2, "schedule": "cosine"}, "lr_min is the floor"),
        ({"lr_min": 1e-4}, "lr_min is the floor of schedule cosine"),
        ({"warmup_end": "first"}, "warmup_end must be"),
    ],
)
def test_floors_and_warm_ups_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        FitPlan(epochs=3, lr=0.1, **wrong)
