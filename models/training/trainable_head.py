"""A head over cached cuts, as the pipeline trains it and asks it for logits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device import best_device
from models.files import load_state
from models.head import CutHead, Source, head_class, head_for
from models.inference import embed
from models.published.card import WeightsCard
from models.training.checkpoint import decode
from models.training.fit import EpochRecord
from models.training.plan import FitPlan
from models.training.seeding import seeded
from models.training.trainable import Accuracy, Arrays, Batches, files_of, fit_arrays, tensors, trained_with


@dataclass(frozen=True)
class TrainableHead:
    """A head that is built afresh for each training."""

    method: str
    """Its name in params, which seeds the first weights beside the training's seed."""
    kind: str
    """Name of the head, as `models.head.head_for` takes it."""
    options: dict[str, Any]
    sources: tuple[Source, ...]
    """One for each input, in the order in which the head takes them."""
    num_classes: int

    @property
    def made_with(self) -> dict[str, Any]:
        """Facts for the record, in no key: device and threads."""
        return trained_with()

    @property
    def has_gate(self) -> bool:
        """Whether the head has a gate."""
        made: Any = head_class(self.kind)  # a class, or a partial of one
        return bool(getattr(made, "func", made).has_gate)

    def fit(
        self,
        batches: Batches,
        plan: Mapping[str, Any],
        *,
        resume: Path,
        accuracy: Accuracy | None,
        progress: Callable[[EpochRecord], None] | None = None,
    ) -> dict[str, bytes]:
        """Return weights.pt of the head and history.json; it is trained with its own loss.

        `plan` holds the fields of a FitPlan. Raises FitError where the loss is not finite.
        """
        fit_plan = FitPlan(**plan)
        head = self._head(fit_plan.seed)
        head.label_smoothing = fit_plan.label_smoothing
        result = fit_arrays(
            head, batches, fit_plan, loss=head.loss, resume=resume, accuracy=accuracy, progress=progress
        )
        return files_of(head, WeightsCard(self.method, self.options, {"features": "as cached"}), result)

    def logits(
        self, weights: bytes | None, blocks: Iterable[Arrays], *, seed: int, batch: int
    ) -> NDArray[Any]:
        """Return (N, K) float32 logits of all clips of the blocks, `batch` of them seen at once.

        `weights` and `seed` are those of a training; None are of a head that learns nothing. Raises
        CheckpointError where they are another head's.
        """
        return _embedded(self._trained(weights, seed), blocks, batch)

    def gates(
        self, weights: bytes | None, blocks: Iterable[Arrays], *, seed: int, batch: int
    ) -> NDArray[Any]:
        """Return (N,) float32 means over channels of each clip's gate, of a head that has one.

        Arguments and errors are those of `logits`.
        """
        return _embedded(_MeanGate(self._trained(weights, seed)), blocks, batch)

    def _trained(self, weights: bytes | None, seed: int) -> CutHead:
        head = self._head(seed)
        if weights is not None:
            load_state(head, decode(weights).state, f"head {self.method}")
        return head

    def _head(self, seed: int) -> CutHead:
        with seeded(seed, "init", self.method):
            return head_for(self.kind, self.num_classes, self.sources, self.options)


class _MeanGate(nn.Module):
    """A head whose gate is asked in place of its logits."""

    def __init__(self, head: CutHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs of the head → (B,)."""
        gate: Tensor = self.head(*inputs).gate
        return gate.float().mean(dim=1)


def _embedded(network: nn.Module, blocks: Iterable[Arrays], batch: int) -> NDArray[Any]:
    """(N, …) of all clips of the blocks."""
    found = embed(
        network,
        map(tensors, blocks),
        batch_size=batch,
        device=best_device(),
        threads=torch.get_num_threads(),
    )
    return np.asarray(torch.cat(list(found)).numpy())
