"""Training Zero-DCE on dark images alone: no reference, no labels (SPEC 4.4)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import FitError, ModelParamError
from models.night.zerodce import ZeroDCE, apply_curves
from models.night.zerodce_losses import LossWeights, zero_dce_loss
from models.training.seeding import seeded


@dataclass(frozen=True, slots=True)
class EnhancerPlan:
    """Training plan with Adam; the defaults are the official code's."""

    epochs: int = 200
    batch: int = 8
    """Images a step, for the code that makes the batches."""
    lr: float = 1e-4
    weight_decay: float = 1e-4
    grad_clip: float = 0.1
    """Largest norm of all gradients together; larger ones are scaled down."""
    seed: int = 0
    losses: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1:
            raise ModelParamError(f"epochs and batch must be 1 or more, got {self.epochs} and {self.batch}")
        if not (self.lr > 0 and self.grad_clip > 0 and self.weight_decay >= 0):
            raise ModelParamError(
                f"lr and grad_clip must be above 0 and weight_decay 0 or more, got {self.lr}, {self.grad_clip}, "
                f"{self.weight_decay}"
            )


def fit_zero_dce(
    data: Callable[[int], Iterator[Tensor | NDArray[np.float32]]],
    plan: EnhancerPlan,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[int, float], None] | None = None,
) -> tuple[ZeroDCE, tuple[float, ...]]:
    """Train a network; return it in eval mode on the CPU, and each epoch's mean loss.

    `data(epoch)` yields batches (N, 3, H, W) in [0, 1] and must depend on nothing but the epoch.
    """
    with seeded(plan.seed, "init", "zero_dce"):
        network = ZeroDCE().to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    history = []
    for epoch in range(plan.epochs):
        losses = [
            _step(network, optimiser, torch.as_tensor(images).to(device), plan) for images in data(epoch)
        ]
        history.append(_mean_loss(losses, epoch))
        if progress is not None:
            progress(epoch, history[-1])
    return network.cpu().eval(), tuple(history)


def _step(network: ZeroDCE, optimiser: torch.optim.Optimizer, images: Tensor, plan: EnhancerPlan) -> float:
    curves = network(images)
    loss = zero_dce_loss(images, apply_curves(images, curves), curves, plan.losses)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), plan.grad_clip)
    optimiser.step()
    return loss.item()


def _mean_loss(losses: list[float], epoch: int) -> float:
    if not losses or not math.isfinite(mean := sum(losses) / len(losses)):
        raise FitError(
            f"epoch {epoch} came to {len(losses)} batches with losses {losses[:3]}: lower the rate, "
            "or look at the images"
        )
    return mean
