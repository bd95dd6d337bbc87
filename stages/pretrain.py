"""Stage `pretrain`: stages 1 and 2 of AMFI-Net's Algorithm 1, with epochs chosen on held-out people."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from models.backbones import backbone_class, cuts_of
from models.cuts import LOGITS, ClassifierInit
from models.device import emulates_bf16, use_cores
from models.names import BACKBONES
from models.training.several import on_devices
from models.training.step_time import NetworkTime
from models.training.trainable_backbone import TrainableBackbone
from pipeline.build.aside import adopt_learned, refuse_withdrawn, remember_in
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.pinned import Pinned, pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import PRETRAIN
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.fitting.backbones import BackboneFitting
from pipeline.inputs.inputs import ClipInput, input_of
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.paths import Paths
from pipeline.training.cached_training import cached_training, known_training, training_inputs
from pipeline.training.folds import dividing
from pipeline.training.outlook import TrainingOutlook, foreseen
from pipeline.training.schedule import training_schedule
from pipeline.training.splits import parts_of
from pipeline.training.trainings import (
    CLASSIFIER,
    Ids,
    Phase,
    Training,
    training_of,
    write_trainings,
)

if TYPE_CHECKING:
    from pipeline.params.backbones import Backbone as BackboneParams
    from pipeline.params.params import Preset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackboneTraining:
    """Trainings of one backbone: what each is made of, and what fits it."""

    paths: Paths
    preset: "Preset"
    name: str
    source: ClipInput
    catalog: Catalog
    inputs: Pinned
    devices: int = 1

    def learn(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        """Train on `fit_on` for `epochs`, keeping the epoch that is best on `select_on` (the last, where none)."""
        fitting = self._fitting()
        learned = cached_training(
            self.paths.open_cache(),
            self._document(seed, fit_on, select_on, epochs),
            lambda folder: on_devices(
                self.devices, partial(fitting.fit, folder, seed, fit_on, select_on, epochs=epochs)
            ),
            {**fitting.network.made_with, **({"devices": self.devices} if self.devices > 1 else {})},
            needs=self._needs,
        )
        phase: Phase = "selection" if select_on else "final"
        return training_of(learned.folder, self.name, seed, phase, len(fit_on), from_cache=learned.from_cache)

    def foreseen(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        """Return what `learn` would find in the cache or, as `trained_as`, be spared; else a blank training."""
        document = self._document(seed, fit_on, select_on, epochs)
        known = known_training(self.paths.open_cache(), document, self._needs)
        training = foreseen(known, self.name, seed, fit_on, select_on, epochs)
        shared = self._known_as != self.name
        return replace(training, made_of=document, from_cache=training.from_cache or shared)

    def time(self) -> NetworkTime:
        """Time what a clip costs in training and in inference."""
        plan = {**self.params.plan.model_dump(exclude={"batch"}), "amp": self.preset.pretrain.amp}
        return self._network().time(plan, batch=self.params.plan.batch, views=self.source.num_views)

    @property
    def _needs(self) -> tuple[str, ...]:
        """Files that a training must have kept beside its weights."""
        return (CLASSIFIER,) if LOGITS in self.params.cuts else ()

    @property
    def params(self) -> "BackboneParams":
        """Its entry of `pretrain.backbones`."""
        return self.preset.pretrain.backbones[self.name]

    @property
    def _known_as(self) -> str:
        """The backbone by whose name it is seeded, and known to the cache."""
        return getattr(self.params, "trained_as", None) or self.name

    def _document(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> dict[str, Any]:
        """All that decides the weights, whose key is its digest."""
        keys = self.source.keys()
        params = {**self._key_params, "epochs": epochs, "seed": seed, "amp": self.preset.pretrain.amp}
        return PRETRAIN.document(
            params=params,
            inputs={
                "fit": training_inputs(fit_on, self.catalog.labels(fit_on), keys),
                "select": training_inputs(select_on, self.catalog.labels(select_on), keys),
                "classes": len(self.catalog.classes),
            },
        )

    @property
    def _key_params(self) -> dict[str, Any]:
        """The name that seeds it, and its params without the path of weights: their sha256 says which they are."""
        begun = {} if self._classifier_init == "normal_0.01" else {"classifier_init": self._classifier_init}
        return {
            "name": self._known_as,
            **in_key(self.preset.pretrain.backbones[self._known_as]),
            **begun,
            **part_facts(self.params.model["kind"], BACKBONES),
        }

    @property
    def _classifier_init(self) -> ClassifierInit:
        return self.params.classifier_init or backbone_class(self.params.model.get("kind")).classifier_init

    def _fitting(self) -> BackboneFitting:
        amp = self.preset.pretrain.amp
        return BackboneFitting(
            self.name,
            self.source,
            self.catalog,
            self.params.plan,
            amp,
            self.inputs,
            self._network(),
            self.paths.reports,
        )

    def _network(self) -> TrainableBackbone:
        return TrainableBackbone(
            self._known_as,
            self.params.model,
            self.source.shape,
            self.source.edges,
            self.source.normalisation,
            num_classes=len(self.catalog.classes),
            dropout=self.params.dropout,
            classifier_init=self._classifier_init,
            start=self.params.pretrained,
            notice=_notice,
        )


def outlook(paths: Paths, preset: "Preset") -> TrainingOutlook:
    """Count the trainings that `run` would make and those that the cache has; trains nothing.

    An upper bound where a selection run must be made: how long the final runs are is then unknown.
    """
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    return TrainingOutlook.over(
        training
        for name in preset.pretrain.backbones
        for training in _backbone(paths, preset, catalog, name, Pinned(), only_look=True)
    )


def times(paths: Paths, preset: "Preset", options: RunOptions) -> dict[str, NetworkTime]:
    """Time each backbone on random numbers; learns nothing. Raises CheckpointError where its weights do not fit."""
    use_cores(options.cores)
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    found = {}
    for name, params in preset.pretrain.backbones.items():
        source = input_of(paths, preset, params)
        found[name] = BackboneTraining(paths, preset, name, source, catalog, Pinned()).time()
    return found


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write weights/<dataset>/backbones: <name>_<seed>.pt, the selection's <name>_<seed>_fold.pt, trainings.json.

    Beside each lies its classifier, <name>_<seed>_classifier.pt. With `cross_fit` those trained without each part
    lie there too, <name>_<seed>_without<part>.pt.
    """
    with one_builder(paths, "pretrain"):
        return _run(paths, preset, options)


def _run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    use_cores(options.cores)
    began = time.monotonic()
    inputs = pinned(paths.catalog, *(paths.store(name) for name in ("skeletons", "frames", "heatmaps")))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    _refuse_unknown_cuts(paths, preset, len(catalog.classes))
    _warn_of_slow_bf16(preset.pretrain.amp)
    refuse_withdrawn(paths.open_cache(), inputs)
    adopt_learned(paths.root, paths.open_cache(), paths.weights / "backbones")
    schedules = [
        _backbone(paths, preset, catalog, name, inputs, devices=options.devices)
        for name in preset.pretrain.backbones
    ]
    trainings = [training for schedule in schedules for training in schedule]
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


def _refuse_unknown_cuts(paths: Paths, preset: "Preset", num_classes: int) -> None:
    """Before hours of training, what `features` would refuse after them."""
    remember = remember_in(paths.open_cache())
    for params in preset.pretrain.backbones.values():
        source = input_of(paths, preset, params)
        cuts_of(
            params.model,
            params.cuts,
            shape=source.shape,
            edges=source.edges,
            num_classes=num_classes,
            remember=remember,
        )


def _warn_of_slow_bf16(amp: str) -> None:
    """Before hours of training, what makes them days."""
    if amp == "bf16" and emulates_bf16():
        log.warning(
            "pretrain: this CPU has no bfloat16 and emulates it, many times slower than float32; "
            "set pretrain.amp: off, which makes weights anew"
        )


def _backbone(
    paths: Paths,
    preset: "Preset",
    catalog: Catalog,
    name: str,
    inputs: Pinned,
    *,
    only_look: bool = False,
    devices: int = 1,
) -> Iterator[Training]:
    """Every training of one backbone, or what is known of each."""
    params = preset.pretrain.backbones[name]
    source = input_of(paths, preset, params)
    training_run = BackboneTraining(paths, preset, name, source, catalog, inputs, devices)
    parts, how = parts_of(catalog, source.keys(), preset.pretrain), preset.pretrain
    learn = training_run.foreseen if only_look else training_run.learn
    divide = dividing(catalog, parts, how)
    return training_schedule(how.seeds, parts, params.plan.epochs, how, learn, divide)


def _notice(text: str) -> None:
    print(f"pretrain: {text}", file=sys.stderr)


def _note(trainings: Sequence[Training]) -> str:
    """What selection found."""
    found = [t for t in trainings if t.val_accuracy is not None]
    return ", ".join(
        f"{t.name} {t.val_accuracy:.1f} % on held-out clips at epoch {t.best_epoch + 1}" for t in found
    )
