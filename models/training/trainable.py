"""Networks as the pipeline trains them: NumPy arrays in, files of weights out, on the best device."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device import best_device
from models.inference import values_of
from models.published.card import WeightsCard
from models.training.checkpoint import encode
from models.training.fit import Batch, EpochRecord, FitResult, Loss, fit
from models.training.plan import FitPlan

Arrays = tuple[NDArray[Any], ...]
"""Inputs of a network, each (B, …)."""

Labels = NDArray[np.int64]
"""(B,): classes."""

Batches = Callable[[int], Iterator[tuple[Arrays, Labels]]]
"""A function from an epoch to its batches."""

Accuracy = Callable[[Callable[[Arrays], Labels]], float]
"""A function from what classifies a block of clips to the accuracy on those held out, in per cent."""


def trained_with() -> dict[str, Any]:
    """Return facts for the record, in no key: device and threads."""
    return {"device": best_device(), "threads": torch.get_num_threads()}


def fit_arrays(
    model: nn.Module,
    batches: Batches,
    plan: FitPlan,
    *,
    loss: Loss,
    resume: Path,
    accuracy: Accuracy | None,
    progress: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Train `model` on the best device, as `models.training.fit.fit` does; raises FitError as it does.

    `accuracy` is asked once an epoch and may classify any clips; None where none are held out.
    """
    return fit(
        model,
        lambda epoch: _as_tensors(batches(epoch)),
        plan,
        loss=loss,
        device=best_device(),
        resume=resume,
        evaluate=None if accuracy is None else lambda fitted: accuracy(lambda x: _classes(fitted, x)),
        progress=progress,
    )


def files_of(network: nn.Module, card: WeightsCard, result: FitResult) -> dict[str, bytes]:
    """Return what a training leaves behind: weights.pt of `network`, under its card, and history.json."""
    return {"weights.pt": encode(network.state_dict(), card), "history.json": result.document}


def tensors(inputs: Arrays) -> tuple[Tensor, ...]:
    """Return the arrays as tensors on the CPU that share their memory."""
    return tuple(map(torch.from_numpy, inputs))


def _as_tensors(batches: Iterator[tuple[Arrays, Labels]]) -> Iterator[Batch]:
    for inputs, labels in batches:
        yield tensors(inputs), torch.from_numpy(labels)


def _classes(model: nn.Module, inputs: Arrays) -> Labels:
    device = best_device()
    output = model(*(x.to(device) for x in tensors(inputs)))
    found: Labels = values_of(output).argmax(dim=1).cpu().numpy()
    return found
