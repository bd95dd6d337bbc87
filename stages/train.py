"""Stage `train`: heads on the cached cuts that each declares; then one test."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from cache import Store
from models.backbones import build_backbone
from models.cuts import Backbone
from models.device import use_cores
from models.errors import FitError
from models.head import HeadInput, Source, head_inputs, is_trained, kind_of
from models.names import HEADS
from models.training.trainable_head import TrainableHead
from pipeline.build.aside import adopt_learned, refuse_withdrawn
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.pinned import Pinned, pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import TRAIN
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.evaluation.imported_scores import imported_scores
from pipeline.evaluation.late_fusion import (
    SINGLE,
    Scores,
    combinations,
    left_out_note,
    methods_left_out,
)
from pipeline.evaluation.results import FUSED, leave_without_heads, left_out, run_facts, write_results
from pipeline.evaluation.scored import out_of_fold, scored
from pipeline.evaluation.small_samples import small_samples
from pipeline.fitting.heads import HeadFitting
from pipeline.inputs.head_input import (
    HeadRows,
    OneInput,
    backbone_seed,
    input_from,
    networks_of,
)
from pipeline.inputs.out_of_fold import CrossFit, cross_fitted, features_there
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.params.streams import Streams, sound_streams
from pipeline.paths import Paths
from pipeline.skeleton.layouts import LAYOUTS
from pipeline.training.cached_training import cached_training, known_training
from pipeline.training.outlook import TrainingOutlook, foreseen
from pipeline.training.schedule import training_schedule
from pipeline.training.splits import SplitParts, few_of_each_class, refuse_untaught, tested_parts
from pipeline.training.trainings import (
    Ids,
    Phase,
    Training,
    refuse_other_weights,
    training_of,
    write_trainings,
)

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class HeadTraining:
    """One method, and what it learns from."""

    paths: Paths
    preset: "Preset"
    catalog: Catalog
    method: str
    """A head's name, or a user's own as `package.module:Class`; or the backbone that the head sees alone."""
    inputs: Pinned
    """Inputs of the training: nothing is stored that was trained on a replaced store."""
    crossed: CrossFit | None
    """The networks trained without a part, where heads are fitted on vectors of those that did not see the clip."""

    def heads(self, parts: SplitParts, *, only_look: bool = False) -> Iterator[Training]:
        """The selection run, on features of backbones that never saw the held-out clips; then the final runs.

        With `only_look` nothing is trained: what the cache lacks is a blank training.
        """
        learn = self._foreseen if only_look else self._learn
        return training_schedule(
            self.params.seeds, parts, self.params.plan.epochs, self.preset.pretrain, learn
        )

    def few_heads(self, parts: SplitParts, *, only_look: bool = False) -> Iterator[tuple[int, Training]]:
        """Heads fitted on few clips of each class, for all epochs, since nothing is held out to choose one."""
        learn = self._foreseen if only_look else self._learn
        every = parts.fitted(refit=self.preset.pretrain.refit)
        for count, seed in product(self.params.clips_per_class, self.params.seeds):
            few = few_of_each_class(self.catalog, every, count, seed)
            yield count, learn(seed, few, (), self.params.plan.epochs)

    def every_head(self, parts: SplitParts) -> Iterator[Training]:
        """Every training as `heads` and `few_heads` would give it, with nothing trained."""
        yield from self.heads(parts, only_look=True)
        yield from (head for _, head in self.few_heads(parts, only_look=True))

    @property
    def params(self) -> "HeadParams":
        """The section `train`."""
        return self.preset.train

    @property
    def is_trained(self) -> bool:
        """Whether there is anything to train; a network's own classifier is asked as it is."""
        return is_trained(self._kind)

    @property
    def _kind(self) -> str:
        """The head's: a backbone seen alone has the linear one of the skeleton's side."""
        return "skeleton" if self.method in self.params.single_backbones else kind_of(self.method)

    @property
    def _options(self) -> dict[str, Any]:
        return self.params.options.get(self.method, {})

    @cached_property
    def _declared(self) -> tuple[HeadInput, ...]:
        return head_inputs(self._kind, self._options)

    @cached_property
    def _streams(self) -> Streams:
        return sound_streams(self.preset, self.method, self._declared)

    def rows(self, seed: int, *, selection: bool) -> HeadRows:
        """The cached values that the head of `seed` sees."""
        store = opened_store(self.paths.store("features"))
        inputs = tuple(self._input(store, one, seed, selection) for one in self._declared)
        return HeadRows(inputs, averaged=self.method in self.params.averaged_views)

    def _input(self, store: Store, one: HeadInput, seed: int, selection: bool) -> OneInput:
        names, pretrain = self._streams[one.stream], self.preset.pretrain
        if self.is_trained:
            seed = backbone_seed(self.params, pretrain, seed, selection=selection)
        networks = networks_of(names, pretrain, seed, selection=selection)
        return input_from(store, one, networks, self.crossed, drawn=self.method in self.params.drawn_views)

    def _seen(self, rows: HeadRows, ids: Ids) -> list[list[str | int]]:
        """[id, keys of its features, label] of each clip, in order."""
        labels = self.catalog.labels(ids).tolist()
        return [[*keys, label] for keys, label in zip(rows.keys(ids), labels, strict=True)]

    def _document(
        self, rows: HeadRows, seed: int, fit_on: Ids, select_on: Ids, epochs: int
    ) -> dict[str, Any]:
        """All that decides the weights, whose key is its digest."""
        return TRAIN.document(
            params={
                "method": self.method,
                "options": self._options,
                "plan": in_key(self.params.plan),
                "epochs": epochs,
                "seed": seed,
                **({"views": "drawn"} if self.method in self.params.drawn_views else {}),
                **part_facts(self._kind, HEADS),
            },
            inputs={
                "fit": self._seen(rows, fit_on),
                "select": self._seen(rows, select_on),
                "classes": len(self.catalog.classes),
                **rows.aligned,
            },
        )

    def _foreseen(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        rows = self.rows(seed, selection=bool(select_on))
        document = self._document(rows, seed, fit_on, select_on, epochs)
        known = known_training(self.paths.open_cache(), document)
        return foreseen(known, self.method, seed, fit_on, select_on, epochs)

    def _learn(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        """Train on `fit_on`, keeping the epoch that is best on `select_on` (the last, where none)."""
        fitting = self.fitting(seed, selection=bool(select_on))
        document = self._document(fitting.rows, seed, fit_on, select_on, epochs)
        try:
            learned = cached_training(
                self.paths.open_cache(),
                document,
                lambda folder: fitting.fit(folder, seed, fit_on, select_on, epochs=epochs),
                dict(fitting.network.made_with),
            )
        except FitError as error:
            raise FitError(f"{self.method!r} of train.methods, seed {seed}: {error}") from error
        phase: Phase = "selection" if select_on else "final"
        return training_of(
            learned.folder, self.method, seed, phase, len(fit_on), from_cache=learned.from_cache
        )

    def scores(self, training: Training, ids: Ids, *, selection: bool) -> Scores:
        """Class probabilities that a trained head gives to clips."""
        return self._scores_of(training.weights, training.seed, ids, selection=selection)

    def untrained_scores(self, ids: Ids, *, selection: bool) -> list[Scores]:
        """Class probabilities that a head that learns nothing gives to clips, for each seed of its backbones."""
        pretrain = self.preset.pretrain
        seeds = pretrain.seeds[:1] if selection and pretrain.refit else pretrain.seeds
        return [self._scores_of(None, seed, ids, selection=selection) for seed in seeds]

    def _scores_of(self, weights: bytes | None, seed: int, ids: Ids, *, selection: bool) -> Scores:
        alone = (*SINGLE, *self.params.late_fusion)
        name = FUSED if self.method == self.params.fused and self.method not in alone else self.method
        fitting = self.fitting(seed, selection=selection)
        gates = fitting.gates(weights, seed, ids)
        return Scores(name, seed, fitting.probabilities(weights, seed, ids), gates)

    def fitting(self, seed: int, *, selection: bool) -> HeadFitting:
        """Return what fits the head of `seed`, for any clips of the store."""
        rows = self.rows(seed, selection=selection)
        sources = tuple(
            Source(one.shape, self._network(self._streams[declared.stream][0]))
            for declared, one in zip(self._declared, rows.inputs, strict=True)
        )
        head = TrainableHead(self.method, self._kind, self._options, sources, len(self.catalog.classes))
        among = self.method in self.params.tested_classes
        return HeadFitting(rows, self.catalog, self.params.plan, self.inputs, head, among_tested=among)

    def _network(self, name: str) -> Callable[[Mapping[str, Any]], Backbone] | None:
        """What builds a fresh network like the one over joints that feeds a stream."""
        params = self.preset.pretrain.backbones[name]
        if params.modality != "skeleton":
            return None
        layout = LAYOUTS[self.catalog.layout]
        shape = (3, params.input.num_frames, layout.num_joints, params.input.max_persons)
        return lambda options: build_backbone({**params.model, **options}, shape=shape, edges=layout.bones)


def outlook(paths: Paths, preset: "Preset") -> TrainingOutlook:
    """Count the trainings that `run` would make on features.zarr as it is, and those that the cache has."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    features = opened_store(paths.need(paths.store("features"), "features"))
    if preset.train.asks_nothing:
        return TrainingOutlook.over(())
    parts = tested_parts(catalog, features_there(features), preset.pretrain)
    runs = _runs(paths, preset, catalog, features, Pinned())
    return TrainingOutlook.over(
        training for one in runs if one.is_trained for training in one.every_head(parts)
    )


def _runs(
    paths: Paths, preset: "Preset", catalog: Catalog, features: Store, inputs: Pinned
) -> list[HeadTraining]:
    crossed = cross_fitted(paths, preset, features, inputs)
    methods = (*preset.train.methods, *preset.train.single_backbones)
    return [HeadTraining(paths, preset, catalog, method, inputs, crossed) for method in methods]


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write weights/<dataset>/heads, and under reports/<dataset> predictions, metrics, curves and confusion."""
    with one_builder(paths, "train"):
        return _run(paths, preset, options)


def _run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    use_cores(options.cores)
    began = time.monotonic()
    inputs = pinned(paths.catalog, paths.store("features"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    features = opened_store(paths.need(paths.store("features"), "features"))
    if preset.train.asks_nothing:
        return leave_without_heads(paths, catalog, features, inputs, preset.pretrain)
    refuse_other_weights(features, paths.weights / "backbones")
    refuse_withdrawn(paths.open_cache(), inputs)
    adopt_learned(paths.root, paths.open_cache(), paths.weights / "heads")
    parts = tested_parts(catalog, features_there(features), preset.pretrain)
    refuse_untaught(catalog, parts)
    imported = imported_scores(paths.root, preset.train, catalog, parts.test)
    runs = _runs(paths, preset, catalog, features, inputs)
    asked = scored(runs, parts, preset.pretrain)
    inputs.check()
    write_trainings(paths.weights / "heads", asked.heads, paths.open_cache(), also=asked.few_heads)
    every = [*asked.scores, *imported.scores]
    absent = methods_left_out(preset.train, {one.method for one in every})
    unseen = asked.unseen(catalog, parts, preset.pretrain)
    combined = combinations(every, unseen, preset.train)
    facts = {**run_facts(preset, catalog), **combined.facts, **absent, **imported.facts}
    facts |= small_samples(catalog.labels(parts.test), asked.few_scores)
    facts |= out_of_fold(unseen[0], preset.train)
    write_results(paths, catalog, parts, [*every, *combined.scores], asked.heads, facts)
    trained = [*asked.heads, *asked.few_heads]
    cached = sum(head.from_cache for head in trained)
    return Summary(
        "train",
        len(trained) - cached,
        cached,
        0,
        time.monotonic() - began,
        0.0,
        note="; ".join(filter(None, (left_out(catalog, features), left_out_note(absent)))),
        unit="heads",
    )
