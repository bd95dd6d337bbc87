"""Fits one head to cached cuts, chooses its epoch on clips held out, and asks it for class probabilities."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.build.pinned import Pinned
from pipeline.catalog.catalog import Catalog
from pipeline.fitting.networks import Arrays, Classify, Labels, Trainable
from pipeline.inputs.head_batches import HeadBatches, HeadBlocks, softmax
from pipeline.inputs.head_input import HeadRows
from pipeline.inputs.prefetch import prefetched
from pipeline.training.trainings import Ids

if TYPE_CHECKING:
    from pipeline.params.backbones import TrainingPlan

INFERENCE_BATCH = 256
"""Clips of vectors that a trained head sees at once."""


class Head(Trainable, Protocol):
    """A head that is built afresh for each training, and asked with the weights of one."""

    @property
    def has_gate(self) -> bool:
        """Whether it has a gate."""
        ...

    def logits(
        self, weights: bytes | None, blocks: Iterable[Arrays], *, seed: int, batch: int
    ) -> NDArray[Any]:
        """Return (N, K) logits of all clips of the blocks; the head always sees exactly `batch` of them.

        `weights` and `seed` are those of a training; None are of a head that learns nothing.
        """
        ...

    def gates(
        self, weights: bytes | None, blocks: Iterable[Arrays], *, seed: int, batch: int
    ) -> NDArray[Any]:
        """Return (N,) means over channels of each clip's gate, of a head that has one."""
        ...


@dataclass(frozen=True)
class HeadFitting:
    """One head, and the cached values that it learns from."""

    rows: HeadRows
    catalog: Catalog
    plan: "TrainingPlan"
    inputs: Pinned
    """Inputs of the training: nothing is stored that was trained on a replaced store."""
    network: Head
    among_tested: bool = False
    """Whether it chooses among the classes that test clips show when it is asked."""

    def fit(
        self, folder: Path, seed: int, fit_on: Ids, select_on: Ids, *, epochs: int
    ) -> Mapping[str, bytes]:
        """Return weights.pt and history.json; `folder` keeps the last whole epoch, which a killed run goes on from.

        Trains on `fit_on` for `epochs`, keeping the epoch that is best on `select_on` (the last, where none).
        Raises InputsChangedError and FitError.
        """
        streamed = self.rows.streamed
        with self.inputs.held():
            batches = HeadBatches(self.rows, fit_on, self.catalog.labels(fit_on), self.plan.batch, seed)
            blocks = HeadBlocks(self.rows, select_on, self.plan.batch)
        labels = self.catalog.labels(select_on)
        with self.inputs.held() if streamed else nullcontext():
            return self.network.fit(
                lambda epoch: prefetched(batches(epoch)) if streamed else batches(epoch),
                {**self.plan.model_dump(exclude={"batch"}), "epochs": epochs, "seed": seed},
                resume=folder / "epoch.pt",
                accuracy=(lambda classify: _accuracy(classify, blocks, labels)) if select_on else None,
            )

    def probabilities(self, weights: bytes | None, seed: int, ids: Ids) -> NDArray[np.float64]:
        """Return (N, K) class probabilities that the head with these weights of a training gives to `ids`."""
        found = [
            self.network.logits(
                weights,
                HeadBlocks(self.rows, ids, self.plan.batch, view),
                seed=seed,
                batch=self._inference_batch,
            )
            for view in self.rows.tested_views
        ]
        logits = found[0] if len(found) == 1 else np.stack(found).mean(axis=0, dtype=np.float64)
        return softmax(self._among_tested(logits) if self.among_tested else logits)

    def _among_tested(self, logits: NDArray[Any]) -> NDArray[Any]:
        """(N, K) logits, minus infinity of every class that no test clip shows."""
        shown = sorted({entry.clip.label for entry in self.catalog.usable("test")})
        chosen = np.full_like(logits, -np.inf)
        chosen[:, shown] = logits[:, shown]
        return chosen

    def gates(self, weights: bytes | None, seed: int, ids: Ids) -> NDArray[np.float64] | None:
        """Return (N,) means over channels of the gate that the head gives to `ids`; None of a head that has none."""
        if not self.network.has_gate:
            return None
        blocks = HeadBlocks(self.rows, ids, self.plan.batch)
        found = self.network.gates(weights, blocks, seed=seed, batch=self._inference_batch)
        return found.astype(np.float64)

    @property
    def _inference_batch(self) -> int:
        return self.plan.batch if self.rows.streamed else INFERENCE_BATCH


def _accuracy(classify: Classify, blocks: HeadBlocks, labels: Labels) -> float:
    """Per cent of clips that are classified right, from a mean in float32."""
    right = np.concatenate([classify(block) for block in blocks]) == labels
    return 100 * float(right.mean(dtype=np.float32))
