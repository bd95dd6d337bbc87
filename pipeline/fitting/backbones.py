"""Fits one backbone to clips read from the stores, augmented, and chooses its epoch on clips held out."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.build.pinned import Pinned
from pipeline.catalog.catalog import Catalog
from pipeline.fitting.live_curves import add_epoch
from pipeline.fitting.networks import Arrays, Classify, Epoch, Labels, Trainable
from pipeline.inputs.inputs import ClipInput, TrainingBatches, unaugmented_batches
from pipeline.inputs.prefetch import prefetched
from pipeline.training.trainings import Ids, Phase

if TYPE_CHECKING:
    from pipeline.params.backbones import TrainingPlan

EVALUATION_BATCH = 32
"""Clips held out that a network sees at once."""


@dataclass(frozen=True)
class BackboneFitting:
    """One backbone, and what it learns from."""

    name: str
    source: ClipInput
    catalog: Catalog
    plan: "TrainingPlan"
    amp: str
    inputs: Pinned
    """Inputs of the training: no epoch and no weights are stored once they were replaced."""
    network: Trainable
    reports: Path
    """Folder in which live.csv and live.json follow the training."""

    def fit(
        self, folder: Path, seed: int, fit_on: Ids, select_on: Ids, *, epochs: int
    ) -> Mapping[str, bytes]:
        """Return weights.pt and history.json; `folder` keeps the last whole epoch, which a killed run goes on from.

        Trains on `fit_on` for `epochs`, keeping the epoch that is best on `select_on` (the last, where none).
        Raises InputsChangedError, FitError and CheckpointError.
        """
        batches = TrainingBatches(
            self.source, tuple(fit_on), self.catalog.labels(fit_on), self.plan.batch, seed
        )
        phase: Phase = "selection" if select_on else "final"
        return self.network.fit(
            lambda epoch: self._held(batches, epoch),
            {
                **self.plan.model_dump(exclude={"batch"}),
                "epochs": epochs,
                "seed": seed,
                "amp": self.amp,
            },
            resume=folder / "epoch.pt",
            accuracy=(lambda classify: self._accuracy(classify, select_on)) if select_on else None,
            progress=self._progress(seed, phase, f"{len(fit_on)} clips", epochs),
        )

    def _progress(self, seed: int, phase: Phase, clips: str, epochs: int) -> Callable[[Epoch], None]:
        shown = _epoch_printer(f"{self.name}, seed {seed}, {phase}, {clips}", epochs)

        def tell(record: Epoch) -> None:
            shown(record)
            add_epoch(self.reports, f"pretrain, {phase}", self.name, seed, record)

        return tell

    def _held(self, batches: TrainingBatches, epoch: int) -> Iterator[tuple[Arrays, Labels]]:
        """An epoch's batches, all read from what was pinned; raises InputsChangedError behind the last of them."""
        with self.inputs.held():
            for clips, labels in prefetched(batches(epoch)):
                yield (clips,), labels

    def _accuracy(self, classify: Classify, ids: Ids) -> float:
        """Per cent of `ids` that are classified right, without augmentation."""
        with self.inputs.held():
            found = [classify((x,)) for x in unaugmented_batches(self.source, ids, EVALUATION_BATCH)]
        return 100 * float(np.mean(np.concatenate(found) == self.catalog.labels(ids)))


def _epoch_printer(title: str, epochs: int) -> Callable[[Epoch], None]:
    began = time.monotonic()

    def show(record: Epoch) -> None:
        done = record.epoch + 1
        val = "" if record.val_accuracy is None else f", held out {record.val_accuracy:.1f} %"
        seconds = time.monotonic() - began
        print(
            f"{title}: epoch {done} of {epochs}, loss {record.train_loss:.3f}{val}, {seconds:.0f} s",
            file=sys.stderr,
        )

    return show
