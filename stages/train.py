"""Stage `train`: AMFI-Net's fusion and the fusions it is compared with, on cached features; then one test."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device import best_device
from models.head import Head, HeadOutput, build_head
from models.inference import embed
from models.names import HEADS
from models.training.checkpoint import WeightsCard, decode, encode, load_state
from models.training.fit import Batch, fit
from models.training.plan import FitPlan
from models.training.seeding import seeded
from pipeline.build.aside import adopt_learned
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.pinned import Pinned, pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import TRAIN
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.indexing import catalog_leaks
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.evaluation.late_fusion import SINGLE, Scores, late_fusions, skeleton_weight
from pipeline.evaluation.results import FUSED, left_out, selected_on, write_results
from pipeline.inputs.vectors import Pair, VectorBatches, Vectors, features_there, softmax, vectors_of
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.paths import Paths
from pipeline.training.cached_training import cached_training
from pipeline.training.splits import SplitParts, tested_parts
from pipeline.training.trainings import Ids, Phase, Training, training_of, training_schedule, write_trainings

if TYPE_CHECKING:
    from pipeline.params.params import HeadParams, Preset

INFERENCE_BATCH = 256


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

    def heads(self, parts: SplitParts) -> Iterator[Training]:
        """The selection run, on features of backbones that never saw the held-out clips; then the final runs."""
        return training_schedule(
            self.params.seeds, parts, self.params.plan.epochs, self.preset.pretrain, self._learn
        )

    def vectors(self, seed: int, *, selection: bool) -> Vectors:
        """The features that the head of `seed` sees."""
        store = opened_store(self.paths.store("features"))
        return vectors_of(store, self._sides, self.preset.pretrain, seed, selection=selection)

    @property
    def _sides(self) -> "HeadParams":
        """The params, with the one backbone on both sides where the head sees it alone."""
        if self.method not in self.params.single_backbones:
            return self.params
        return self.params.model_copy(update={"skeleton": (self.method,), "video": (self.method,)})

    @property
    def params(self) -> "HeadParams":
        """The section `train`."""
        return self.preset.train

    def _seen(self, vectors: Vectors, ids: Ids) -> list[list[str | int]]:
        """[id, keys of its features, label] of each clip, in order."""
        labels = self.catalog.labels(ids).tolist()
        return [[*keys, label] for keys, label in zip(vectors.keys(ids), labels, strict=True)]

    def _learn(self, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        """Train on `fit_on`, keeping the epoch that is best on `select_on` (the last, where none)."""
        vectors = self.vectors(seed, selection=bool(select_on))
        document = TRAIN.document(
            params={
                "method": self.method,
                "options": self.params.options.get(self.method, {}),
                "plan": in_key(self.params.plan),
                "epochs": epochs,
                "seed": seed,
                **part_facts(self._kind, HEADS),
            },
            inputs={
                "fit": self._seen(vectors, fit_on),
                "select": self._seen(vectors, select_on),
                "classes": len(self.catalog.classes),
            },
        )
        learned = cached_training(
            self.paths.open_cache(),
            document,
            lambda folder: self._train(folder, vectors, seed, fit_on, select_on, epochs),
            {"device": best_device(), "threads": torch.get_num_threads()},
        )
        phase: Phase = "selection" if select_on else "final"
        return training_of(
            learned.folder, self.method, seed, phase, len(fit_on), from_cache=learned.from_cache
        )

    def said(self, training: Training, pair: Pair) -> Scores:
        """Class probabilities that a trained head gives to clips."""
        head = self._head(pair, training.seed)
        load_state(head, decode(training.weights).state, f"head {self.method}")
        blocks = [(torch.from_numpy(pair[0]), torch.from_numpy(pair[1]))]
        (logits,) = embed(
            head, blocks, batch_size=INFERENCE_BATCH, device=best_device(), threads=torch.get_num_threads()
        )
        is_fusion = self.method == self.params.fused and self.method not in SINGLE
        name = FUSED if is_fusion else self.method
        return Scores(name, training.seed, softmax(logits.numpy()))

    @property
    def _kind(self) -> str:
        """The head's: a backbone seen alone has the linear one of the skeleton's side."""
        return "skeleton" if self.method in self.params.single_backbones else self.method

    def _head(self, pair: Pair, seed: int) -> Head:
        options = {"unequal": "project", **self.params.options.get(self.method, {})}
        with seeded(seed, "init", self.method):
            return build_head(
                self._kind,
                len(self.catalog.classes),
                skeleton_dim=pair[0].shape[1],
                video_dim=pair[1].shape[1],
                **options,
            )

    def _train(
        self,
        folder: Path,
        vectors: Vectors,
        seed: int,
        fit_on: Ids,
        select_on: Ids,
        epochs: int,
    ) -> dict[str, bytes]:
        with self.inputs.held():
            pair = vectors.read(fit_on)
            held_out = (vectors.read(select_on), self.catalog.labels(select_on)) if select_on else None
        head = self._head(pair, seed)
        head.label_smoothing = self.params.plan.label_smoothing
        plan = self.params.plan.model_dump(exclude={"batch", "epochs"})
        batches = VectorBatches(pair, self.catalog.labels(fit_on), self.params.plan.batch, seed)
        result = fit(
            head,
            lambda epoch: _as_tensors(batches(epoch)),
            FitPlan(**plan, epochs=epochs, seed=seed),
            loss=head.loss,
            device=best_device(),
            resume=folder / "epoch.pt",
            evaluate=None if held_out is None else lambda model: _accuracy(model, *held_out),
        )
        card = WeightsCard(self.method, self.params.options.get(self.method, {}), {"features": "as cached"})
        return {"weights.pt": encode(head.state_dict(), card), "history.json": result.document}


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write weights/<dataset>/heads, and under reports/<dataset> predictions, metrics, curves and confusion."""
    with one_builder(paths, "train"):
        return _run(paths, preset, options)


def _run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    torch.set_num_threads(options.cores)
    began = time.monotonic()
    inputs = pinned(paths.catalog, paths.store("features"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    features = opened_store(paths.need(paths.store("features"), "features"))
    adopt_learned(paths.root, paths.open_cache(), paths.weights / "heads")
    parts = tested_parts(catalog, features_there(features), preset.pretrain)
    heads: list[Training] = []
    said: list[Scores] = []
    held_out: list[Scores] = []
    for method in (*preset.train.methods, *preset.train.single_backbones):
        training_run = HeadTraining(paths, preset, catalog, method, inputs)
        for head in training_run.heads(parts):
            heads.append(head)
            if head.phase == "selection":
                seen = training_run.vectors(head.seed, selection=True).read(parts.select)
                held_out.append(training_run.said(head, seen))
            if head.phase == "final" or not preset.pretrain.refit:
                said.append(
                    training_run.said(head, training_run.vectors(head.seed, selection=False).read(parts.test))
                )
    inputs.check()
    write_trainings(paths.weights / "heads", heads, paths.open_cache())
    weight = skeleton_weight(held_out, catalog.labels(parts.select))
    facts = {**_facts(preset, catalog), "skeleton_weight": weight}
    write_results(paths, catalog, parts, [*said, *late_fusions(said, weight)], heads, facts)
    cached = sum(head.from_cache for head in heads)
    return Summary(
        "train",
        len(heads) - cached,
        cached,
        0,
        time.monotonic() - began,
        0.0,
        note=left_out(catalog, features),
        unit="heads",
    )


def _facts(preset: "Preset", catalog: Catalog) -> dict[str, Any]:
    """What metrics.json says of the run beside its figures."""
    leaks, pretrain = catalog_leaks(catalog), preset.pretrain
    return {
        "selected_on": selected_on(pretrain),
        "fusion": preset.train.fused,
        "backbone_seeds": list(pretrain.seeds),
        "on_both_sides": {"clips": len(leaks.clips), "subjects": len(leaks.subjects)},
    }


def _as_tensors(batches: Iterator[tuple[Pair, NDArray[np.int64]]]) -> Iterator[Batch]:
    for (skeleton, video), labels in batches:
        yield (torch.from_numpy(skeleton), torch.from_numpy(video)), torch.from_numpy(labels)


def _accuracy(model: nn.Module, pair: Pair, labels: NDArray[np.int64]) -> float:
    device = best_device()
    output: HeadOutput = model(torch.from_numpy(pair[0]).to(device), torch.from_numpy(pair[1]).to(device))
    right: Tensor = output.logits.argmax(dim=1).cpu() == torch.from_numpy(labels)
    return 100 * float(right.float().mean())
