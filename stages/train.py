"""train: stage 3 of AMFI-Net and the fusions it is compared with, on cached features; then the test clips, once."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import WeightsCard, decode, encode, load_state
from models.device import best_device
from models.fit import Batch, FitResult, fit
from models.head import Head, HeadOutput
from models.heads import build_head
from models.inference import embed
from models.plan import FitPlan
from models.seeding import seeded
from pipeline.catalog import Catalog
from pipeline.failures import Summary, read_failures
from pipeline.files import replaced_folder, write_whole
from pipeline.learning import learn_once
from pipeline.metrics import Roles, metrics_document
from pipeline.opening import opened_catalog, opened_store
from pipeline.params import HeadParams, Preset
from pipeline.paths import Paths
from pipeline.results import (
    FUSED,
    SCORE_SUM,
    SINGLE,
    Said,
    read_predictions,
    write_confusion,
    write_curves,
    write_predictions,
)
from pipeline.runner import RunOptions
from pipeline.splits import split_training
from pipeline.steps import TRAIN
from pipeline.trained import read_trainings
from pipeline.vectors import Pair, VectorBatches, Vectors, softmax, vectors_of

INFERENCE_BATCH = 256


@dataclass(frozen=True, slots=True)
class Parts:
    """Ids of the clips that fit, that select, and that test."""

    fit: tuple[str, ...]
    select: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """One head."""

    method: str
    seed: int
    phase: str
    head: Head
    weights: bytes
    best_epoch: int
    history: tuple[dict[str, Any], ...]
    from_cache: bool


@dataclass(frozen=True)
class Course:
    """One method's training."""

    paths: Paths
    params: HeadParams
    method: str
    labels: dict[str, int]
    num_classes: int

    def learn(
        self, vectors: Vectors, seed: int, *, fit_on: Sequence[str], select_on: Sequence[str], epochs: int
    ) -> Trained:
        """Train on `fit_on`, keeping the epoch that is best on `select_on` (the last, where none)."""
        document = TRAIN.document(
            params={
                "method": self.method,
                "options": self.params.options.get(self.method, {}),
                "plan": self.params.plan.model_dump(mode="json"),
                "epochs": epochs,
                "seed": seed,
            },
            inputs={
                "fit": [[*key, self.labels[key[0]]] for key in vectors.keys(fit_on)],
                "select": [[*key, self.labels[key[0]]] for key in vectors.keys(select_on)],
                "classes": self.num_classes,
            },
        )
        learned = learn_once(
            self.paths.open_cache(),
            document,
            lambda folder: self._train(folder, vectors, seed, fit_on, select_on, epochs),
            {"device": best_device(), "threads": torch.get_num_threads()},
        )
        weights = (learned.folder / "weights.pt").read_bytes()
        history = json.loads((learned.folder / "history.json").read_text())
        head = self._head(vectors.read(fit_on[:1]), seed)
        load_state(head, decode(weights).state, f"head {self.method}")
        return Trained(
            self.method,
            seed,
            "selection" if select_on else "final",
            head,
            weights,
            history["best_epoch"],
            tuple(history["epochs"]),
            learned.from_cache,
        )

    def _head(self, pair: Pair, seed: int) -> Head:
        options = {"unequal": "project", **self.params.options.get(self.method, {})}
        with seeded(seed, "init", self.method):
            return build_head(
                self.method,  # type: ignore[arg-type]
                self.num_classes,
                skeleton_dim=pair[0].shape[1],
                video_dim=pair[1].shape[1],
                **options,
            )

    def _train(
        self,
        folder: Path,
        vectors: Vectors,
        seed: int,
        fit_on: Sequence[str],
        select_on: Sequence[str],
        epochs: int,
    ) -> dict[str, bytes]:
        pair = vectors.read(fit_on)
        head = self._head(pair, seed)
        plan = self.params.plan.model_dump(exclude={"batch", "epochs"})
        batches = VectorBatches(pair, self._answers(fit_on), self.params.plan.batch, seed)
        held_out = (vectors.read(select_on), self._answers(select_on)) if select_on else None
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
        return {"weights.pt": encode(head.state_dict(), card), "history.json": _history(result)}

    def _answers(self, ids: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self.labels[clip_id] for clip_id in ids], np.int64)


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:
    """Write weights/<dataset>/heads, and under reports/<dataset> predictions, metrics, curves and confusion."""
    torch.set_num_threads(options.threads * options.workers)
    began = time.monotonic()
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    parts = _parts(paths, preset, catalog)
    heads = [
        head for method in preset.train.methods for head in _method(paths, preset, catalog, parts, method)
    ]
    finals = [head for head in heads if head.phase == "final" or not preset.pretrain.refit]
    said = _with_score_sum(preset, [_said(paths, preset, head, parts.test) for head in finals])
    _write_heads(paths, finals)
    _write_reports(paths, preset, catalog, parts, heads, said)
    cached = sum(head.from_cache for head in heads)
    return Summary("train", len(heads) - cached, cached, 0, time.monotonic() - began, 0.0, unit="heads")


def _parts(paths: Paths, preset: Preset, catalog: Catalog) -> Parts:
    store = opened_store(paths.need(paths.store("features"), "features"))
    there = set(store.ids) - {failure["id"] for failure in store.failures}
    training = [e.clip for e in catalog.usable("train") if e.clip.clip_id in there]
    fit_part, select_part = split_training(training, catalog.axis, preset.pretrain.hold_out)
    return Parts(
        tuple(c.clip_id for c in fit_part),
        tuple(c.clip_id for c in select_part),
        tuple(e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in there),
    )


def _method(paths: Paths, preset: Preset, catalog: Catalog, parts: Parts, method: str) -> Iterator[Trained]:
    """The selection run, on features of backbones that never saw the held-out clips; then the final runs."""
    store = opened_store(paths.store("features"))
    labels = {e.clip.clip_id: e.clip.label for e in catalog.entries}
    course = Course(paths, preset.train, method, labels, len(catalog.classes))
    epochs = preset.train.plan.epochs
    for place, seed in enumerate(preset.train.seeds):
        if place == 0 or not preset.pretrain.refit:
            seen = vectors_of(store, preset.train, preset.pretrain, seed, selection=True)
            selection = course.learn(seen, seed, fit_on=parts.fit, select_on=parts.select, epochs=epochs)
            yield selection
            if preset.pretrain.refit:
                epochs = selection.best_epoch + 1
        if preset.pretrain.refit:
            seen = vectors_of(store, preset.train, preset.pretrain, seed, selection=False)
            training = sorted((*parts.fit, *parts.select))
            yield course.learn(seen, seed, fit_on=training, select_on=[], epochs=epochs)


def _said(paths: Paths, preset: Preset, trained: Trained, ids: Sequence[str]) -> Said:
    store = opened_store(paths.store("features"))
    pair = vectors_of(store, preset.train, preset.pretrain, trained.seed, selection=False).read(ids)
    blocks = [(torch.from_numpy(pair[0]), torch.from_numpy(pair[1]))]
    (logits,) = embed(trained.head, blocks, batch_size=INFERENCE_BATCH, device=best_device())
    name = FUSED if trained.method == preset.train.fused else trained.method
    return Said(name, trained.seed, softmax(logits.numpy()))


def _with_score_sum(preset: Preset, said: list[Said]) -> list[Said]:
    """Late fusion costs nothing: the mean of the two single modalities' probabilities, seed by seed."""
    by_name = {(one.method, one.seed): one for one in said}
    sums = [
        Said(
            SCORE_SUM,
            seed,
            (by_name["video", seed].probabilities + by_name["skeleton", seed].probabilities) / 2,
        )
        for seed in preset.train.seeds
        if all((name, seed) in by_name for name in SINGLE)
    ]
    return [*said, *sums]


def _write_heads(paths: Paths, heads: Sequence[Trained]) -> None:
    with replaced_folder(paths.weights / "heads") as folder:
        for head in heads:
            (folder / f"{head.method}-{head.seed}.pt").write_bytes(head.weights)


def _write_reports(
    paths: Paths,
    preset: Preset,
    catalog: Catalog,
    parts: Parts,
    heads: Sequence[Trained],
    said: Sequence[Said],
) -> None:
    labels = np.array([catalog.by_id[clip_id].clip.label for clip_id in parts.test], np.int64)
    write_predictions(paths.reports / "predictions.parquet", parts.test, labels, said)
    predictions = read_predictions(paths.reports / "predictions.parquet")
    document = metrics_document(
        predictions,
        dataset=paths.dataset,
        protocol=catalog.protocol,
        clips={
            "train": len(parts.fit) + len(parts.select),
            "val": len(parts.select),
            "test": len(parts.test),
            "failed": len({failure.clip_id for failure in read_failures(paths.failures)}),
        },
        roles=Roles(single=SINGLE, fused=FUSED),
        facts={
            "selected_on": "val",
            "fusion": preset.train.fused,
            "backbone_seeds": list(preset.pretrain.seeds),
        },
    )
    write_whole(paths.reports / "metrics.json", json.dumps(document, indent=1) + "\n")
    write_confusion(paths.reports / "confusion.csv", predictions, FUSED, catalog.classes)
    pretrained = [
        (f"pretrain, {t.phase}", t.name, t.seed, t.history)
        for t in read_trainings(paths.weights / "backbones")
    ]
    trained = [(f"train, {head.phase}", head.method, head.seed, head.history) for head in heads]
    write_curves(paths.reports / "curves.csv", [*pretrained, *trained])


def _as_tensors(batches: Iterator[tuple[Pair, NDArray[np.int64]]]) -> Iterator[Batch]:
    for (skeleton, video), labels in batches:
        yield (torch.from_numpy(skeleton), torch.from_numpy(video)), torch.from_numpy(labels)


def _accuracy(model: nn.Module, pair: Pair, labels: NDArray[np.int64]) -> float:
    device = best_device()
    output: HeadOutput = model(torch.from_numpy(pair[0]).to(device), torch.from_numpy(pair[1]).to(device))
    right: Tensor = output.logits.argmax(dim=1).cpu() == torch.from_numpy(labels)
    return 100 * float(right.float().mean())


def _history(result: FitResult) -> bytes:
    document = {"best_epoch": result.best_epoch, "epochs": [asdict(record) for record in result.history]}
    return json.dumps(document, sort_keys=True).encode()
