"""The time that a network takes for one clip, in training and in inference, by a short trial on random numbers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from models.cuts import Backbone
from models.device import best_device
from models.training.fit import Batch, Loss, fit
from models.training.plan import FitPlan

FEWEST_CLIPS = 2
"""Clips of the first step: batch normalisation needs two."""

ENOUGH_SECONDS = 1.0
"""Duration of a step that is worth timing: a shorter one is timed again with as many clips as would take so long."""

MOST_CLIPS = 16

LOW_RATE = 1e-6
"""Learning rate of the trial, at which random numbers make no weight run away."""


@dataclass(frozen=True, slots=True)
class NetworkTime:
    """Time and size of one network, on this machine."""

    train_seconds: float
    """Seconds a clip and epoch of training, reading aside."""
    embed_seconds: float
    """Seconds a clip of inference, reading aside."""
    weight_bytes: int
    """Bytes of its weights."""


def network_time(
    model: nn.Module,
    backbone: Backbone,
    loss: Loss,
    plan: FitPlan,
    shape: Sequence[int],
    *,
    classes: int,
    batch: int,
) -> NetworkTime:
    """Time `model`, whose trunk is `backbone`, on random clips of `shape`; its weights are changed by that."""
    tame = replace(plan, epochs=2, lr=LOW_RATE, lr_min=0.0, schedule="constant", warmup_epochs=0)
    clips = FEWEST_CLIPS
    seconds = _step_seconds(model, loss, tame, shape, classes, clips)
    if seconds < ENOUGH_SECONDS:
        clips = max(clips, min(batch, MOST_CLIPS, int(clips * ENOUGH_SECONDS / seconds)))
        seconds = _step_seconds(model, loss, tame, shape, classes, clips)
    size = sum(values.numel() * values.element_size() for values in backbone.state_dict().values())
    return NetworkTime(seconds / clips, _embed_seconds(backbone, shape), size)


def _step_seconds(
    model: nn.Module, loss: Loss, plan: FitPlan, shape: Sequence[int], classes: int, clips: int
) -> float:
    """Seconds of the last epoch, which is one step; those before it warm up."""
    marks = [time.perf_counter()]

    def one_batch(_: int) -> Iterator[Batch]:
        yield (torch.randn(clips, *shape),), torch.arange(clips) % classes

    fit(
        model,
        one_batch,
        plan,
        loss=loss,
        device=best_device(),
        progress=lambda _: marks.append(time.perf_counter()),
    )
    return marks[-1] - marks[-2]


def _embed_seconds(backbone: Backbone, shape: Sequence[int]) -> float:
    """Seconds of one clip; the first pass warms up."""
    device, seconds = best_device(), 0.0
    backbone.to(device).eval()
    for _ in range(2):
        began = time.perf_counter()
        with torch.inference_mode():
            found = backbone(torch.randn(1, *shape, device=device))
            found.cpu()
        seconds = time.perf_counter() - began
    return seconds
