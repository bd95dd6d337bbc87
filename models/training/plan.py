"""The plan of a training run, a value that checks itself, and the learning rate of each epoch."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from models.errors import ModelParamError

Schedule = Literal["constant", "milestones", "cosine"]

WarmupEnd = Literal["after", "last"]
"""Rule of warm-up: of its w epochs, epoch e trains with (e + 1) / (w + 1) of lr, so that the first epoch after them is
the first with all of it; or, as CTR-GCN's code, with (e + 1) / w, so that their last one is."""

Optimiser = Literal["sgd", "adam"]

Amp = Literal["off", "bf16", "auto"]
"""`bf16`: bfloat16 autocast (AVX-512 BF16 or a GPU); `auto`: bf16 on a GPU that has it, else float32."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """Hyperparameters of a run: all that decides the result besides the model, the data and the machine."""

    epochs: int
    lr: float
    optimiser: Optimiser = "sgd"
    """`adam` is CSSIModel's (SPEC 1.5): weight decay is added to the gradient, as with sgd."""
    momentum: float = 0.9
    """Momentum of sgd, or Adam's first beta (the second is 0.999); in [0, 1)."""
    nesterov: bool = True
    """Whether sgd uses Nesterov momentum; Adam ignores it."""
    weight_decay: float = 5e-4
    schedule: Schedule = "constant"
    milestones: tuple[int, ...] = ()
    """Epochs, counted from 0, at whose start lr is multiplied by gamma."""
    gamma: float = 0.1
    warmup_epochs: int = 0
    """Epochs over which lr rises linearly: epoch e of w trains with (e + 1) / (w + 1) of it."""
    warmup_end: WarmupEnd = "after"
    lr_min: float = 0.0
    """Learning rate towards which the cosine falls, reached where one more epoch would begin; SF-Head's is 1e-4."""
    label_smoothing: float = 0.0
    grad_clip: float | None = None
    """Largest norm of all gradients together; None leaves them."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one step: a batch so many times as large, in the memory of one. The last
    step of an epoch may have fewer, and is then smaller. Batch norms see single batches."""
    seed: int = 0
    amp: Amp = "off"

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 <= self.warmup_epochs <= self.epochs:
            raise ModelParamError(
                f"epochs must be 1 or more and warmup_epochs between 0 and them, got {self.epochs} and "
                f"{self.warmup_epochs}"
            )
        if self.optimiser not in ("sgd", "adam"):
            raise ModelParamError(f"optimiser must be 'sgd' or 'adam', got {self.optimiser!r}")
        if not self.lr > 0 or not self.gamma > 0 or not self.weight_decay >= 0:
            raise ModelParamError(
                f"lr and gamma must be above 0 and weight_decay 0 or more, got {self.lr}, {self.gamma}, "
                f"{self.weight_decay}"
            )
        if not 0 <= self.momentum < 1 or not 0 <= self.label_smoothing < 1:
            raise ModelParamError(
                f"momentum and label_smoothing must lie in [0, 1), got {self.momentum} and "
                f"{self.label_smoothing}"
            )
        if (self.schedule == "milestones") != bool(self.milestones):
            raise ModelParamError(
                f"milestones go with schedule milestones and only there, got schedule {self.schedule} and "
                f"milestones {self.milestones}"
            )
        if not 0 <= self.lr_min < self.lr or (self.lr_min and self.schedule != "cosine"):
            raise ModelParamError(
                f"lr_min is the floor of schedule cosine, at least 0 and below lr, got {self.lr_min} with lr "
                f"{self.lr} and schedule {self.schedule}"
            )
        if self.warmup_end not in ("after", "last"):
            raise ModelParamError(f"warmup_end must be 'after' or 'last', got {self.warmup_end!r}")
        if self.accumulate < 1:
            raise ModelParamError(f"accumulate must be 1 or more batches, got {self.accumulate}")
        if self.grad_clip is not None and not self.grad_clip > 0:
            raise ModelParamError(f"grad_clip must be above 0, or None, got {self.grad_clip}")


def learning_rate(plan: FitPlan, epoch: int) -> float:
    """Return the learning rate of one epoch (counted from 0) under the plan's schedule and warm-up.

    Worked example: lr 0.01, milestones (3,): epochs 0, 1, 2 train with 0.01, epochs 3, 4, 5 with 0.001.
    """
    if epoch < plan.warmup_epochs:
        return plan.lr * (epoch + 1) / (plan.warmup_epochs + (plan.warmup_end == "after"))
    if plan.schedule == "milestones":
        return float(plan.lr * plan.gamma ** sum(epoch >= milestone for milestone in plan.milestones))
    if plan.schedule == "cosine":
        done = (epoch - plan.warmup_epochs) / (plan.epochs - plan.warmup_epochs)
        return plan.lr_min + (plan.lr - plan.lr_min) * (1 + math.cos(math.pi * done)) / 2
    return plan.lr


def uses_bf16(amp: Amp, device: torch.device) -> bool:
    """Return whether training on this device runs in bfloat16 autocast."""
    if amp == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return amp == "bf16"
