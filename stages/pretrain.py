"""Stage `pretrain`: stages 1 and 2 of AMFI-Net's Algorithm 1, with epochs chosen on held-out people."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.backbones import backbone_class, build_backbone, cuts_of
from models.cuts import Backbone, ClassifierInit
from models.device import best_device
from models.names import BACKBONES
from models.training.checkpoint import WeightsCard, encode, load_pretrained
from models.training.classifier import Classifier, classifier_loss
from models.training.fit import Batch, EpochRecord, cross_entropy, fit
from models.training.plan import FitPlan
from models.training.seeding import seeded
from pipeline.build.aside import adopt_learned
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.pinned import Pinned, pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import PRETRAIN
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.inputs.inputs import ClipInput, TrainingBatches, input_of, unaugmented_batches
from pipeline.inputs.prefetch import prefetched
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.paths import Paths
from pipeline.training.cached_training import cached_training, training_inputs
from pipeline.training.splits import parts_of
from pipeline.training.trainings import Ids, Phase, Training, training_of, training_schedule, write_trainings

if TYPE_CHECKING:
    from pipeline.params.backbones import Backbone as BackboneParams
    from pipeline.params.backbones import TrainingPlan
    from pipeline.params.params import Preset

EVALUATION_BATCH = 32

Labelled: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.int64]]"
"""A batch of inputs and their labels."""


@dataclass(frozen=True)
class BackboneTraining:
    """One backbone, and what it learns from."""

    paths: Paths
    name: str
    params: "BackboneParams"
    source: ClipInput
    catalog: Catalog
    amp: str
    inputs: Pinned
    """Inputs of the training: no epoch and no weights are stored once they were replaced."""

    def learn(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        """Train on `fit_on` for `epochs`, keeping the epoch that is best on `select_on` (the last, where none)."""
        plan = self.params.plan.model_copy(update={"epochs": epochs})
        keys, labels = self.source.keys(), self._labels
        document = PRETRAIN.document(
            params={**self._key_params, "epochs": epochs, "seed": seed, "amp": self.amp},
            inputs={
                "fit": training_inputs(fit_on, [labels[i] for i in fit_on], keys),
                "select": training_inputs(select_on, [labels[i] for i in select_on], keys),
                "classes": len(self.catalog.classes),
            },
        )
        phase: Phase = "selection" if select_on else "final"
        title = f"{self.name}, seed {seed}, {phase}"
        learned = cached_training(
            self.paths.open_cache(),
            document,
            lambda folder: self._train(folder, title, seed, plan, fit_on, select_on),
            {"device": best_device(), "threads": torch.get_num_threads()},
        )
        return training_of(learned.folder, self.name, seed, phase, len(fit_on), from_cache=learned.from_cache)

    @property
    def _key_params(self) -> dict[str, Any]:
        """Its name, which seeds it, and its params without the path of weights: their sha256 says which they are."""
        begun = {} if self._classifier_init == "normal_0.01" else {"classifier_init": self._classifier_init}
        return {
            "name": self.name,
            **in_key(self.params),
            **begun,
            **part_facts(self.params.model["kind"], BACKBONES),
        }

    @property
    def _classifier_init(self) -> ClassifierInit:
        return self.params.classifier_init or backbone_class(self.params.model.get("kind")).classifier_init

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {entry.clip.clip_id: entry.clip.label for entry in self.catalog.entries}

    def _train(
        self,
        folder: Path,
        title: str,
        seed: int,
        plan: "TrainingPlan",
        fit_on: Ids,
        select_on: Ids,
    ) -> dict[str, bytes]:
        with seeded(seed, "init", self.name):
            model = Classifier(
                self._network(),
                len(self.catalog.classes),
                dropout=self.params.dropout,
                init=self._classifier_init,
            )
        labels = np.array([self._labels[clip_id] for clip_id in fit_on], np.int64)
        batches = TrainingBatches(self.source, tuple(fit_on), labels, plan.batch, seed)
        fit_plan = FitPlan(**plan.model_dump(exclude={"batch"}), seed=seed, amp=self.amp)  # type: ignore[arg-type]
        result = fit(
            model,
            lambda epoch: _as_tensors(self._held(prefetched(batches(epoch)))),
            fit_plan,
            loss=classifier_loss(model, cross_entropy(fit_plan)),
            device=best_device(),
            resume=folder / "epoch.pt",
            evaluate=self._evaluation(select_on) if select_on else None,
            progress=_epoch_printer(title, plan.epochs),
        )
        weights = encode(model.backbone.state_dict(), self._card())
        return {"weights.pt": weights, "history.json": result.document}

    def _held(self, batches: Iterator[Labelled]) -> Iterator[Labelled]:
        """An epoch's batches, all read from what was pinned; raises InputsChangedError behind the last of them."""
        with self.inputs.held():
            yield from batches

    def _network(self) -> Backbone:
        """A new backbone, or one that starts from the weights that the params name."""
        backbone = build_backbone(self.params.model, shape=self.source.shape, edges=self.source.edges)
        start = self.params.pretrained
        if start is not None:
            summed = start.kind != "harcache" and self.source.shape[0] == 1
            load_pretrained(
                backbone,
                Path(start.path),
                expected=self._card(),
                kind=start.kind,
                sha256=start.sha256,
                stem_channels="summed" if summed else "same",
            )
        return backbone

    def _card(self) -> WeightsCard:
        options = {name: value for name, value in self.params.model.items() if name != "kind"}
        return WeightsCard(self.params.model["kind"], options, self.source.normalisation)

    def _evaluation(self, ids: Sequence[str]) -> Callable[[nn.Module], float]:
        labels = np.array([self._labels[clip_id] for clip_id in ids])

        def accuracy(model: nn.Module) -> float:
            with self.inputs.held():
                said = [
                    model(torch.from_numpy(x).to(best_device())).argmax(dim=1).cpu().numpy()
                    for x in unaugmented_batches(self.source, ids, EVALUATION_BATCH)
                ]
            return 100 * float(np.mean(np.concatenate(said) == labels))

        return accuracy


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write weights/<dataset>/backbones: <name>_<seed>.pt, the selection's <name>_<seed>_fold.pt, trainings.json."""
    with one_builder(paths, "pretrain"):
        return _run(paths, preset, options)


def _run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    torch.set_num_threads(options.cores)
    began = time.monotonic()
    inputs = pinned(paths.catalog, *(paths.store(name) for name in ("skeletons", "frames", "heatmaps")))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    _refuse_unknown_cuts(paths, preset)
    adopt_learned(paths.root, paths.open_cache(), paths.weights / "backbones")
    trainings = [
        training
        for name in preset.pretrain.backbones
        for training in _backbone(paths, preset, catalog, name, inputs)
    ]
    write_trainings(paths.weights / "backbones", trainings, paths.open_cache())
    cached = sum(training.from_cache for training in trainings)
    return Summary(
        "pretrain",
        len(trainings) - cached,
        cached,
        0,
        time.monotonic() - began,
        0.0,
        note=_note(trainings),
        unit="trainings",
    )


def _refuse_unknown_cuts(paths: Paths, preset: "Preset") -> None:
    """Before hours of training, what `features` would refuse after them."""
    for params in preset.pretrain.backbones.values():
        source = input_of(paths, preset, params)
        cuts_of(params.model, params.cuts, shape=source.shape, edges=source.edges)


def _backbone(
    paths: Paths, preset: "Preset", catalog: Catalog, name: str, inputs: Pinned
) -> Iterator[Training]:
    """Every training of one backbone."""
    params = preset.pretrain.backbones[name]
    source = input_of(paths, preset, params)
    training_run = BackboneTraining(paths, name, params, source, catalog, preset.pretrain.amp, inputs)
    parts = parts_of(catalog, source.keys(), preset.pretrain)
    return training_schedule(
        preset.pretrain.seeds, parts, params.plan.epochs, preset.pretrain, training_run.learn
    )


def _as_tensors(batches: Iterator[Labelled]) -> Iterator[Batch]:
    for clips, labels in batches:
        yield (torch.from_numpy(clips),), torch.from_numpy(labels)


def _epoch_printer(title: str, epochs: int) -> Callable[[EpochRecord], None]:
    began = time.monotonic()

    def show(record: EpochRecord) -> None:
        done = record.epoch + 1
        val = "" if record.val_accuracy is None else f", held out {record.val_accuracy:.1f} %"
        seconds = time.monotonic() - began
        print(
            f"{title}: epoch {done} of {epochs}, loss {record.train_loss:.3f}{val}, {seconds:.0f} s",
            file=sys.stderr,
        )

    return show


def _note(trainings: Sequence[Training]) -> str:
    """What selection found."""
    found = [t for t in trainings if t.val_accuracy is not None]
    return ", ".join(
        f"{t.name} {t.val_accuracy:.1f} % on held-out clips at epoch {t.best_epoch + 1}" for t in found
    )
