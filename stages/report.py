"""report: everything that happened, on one page."""

import json
import time
from collections import Counter
from typing import Any

from pipeline.build.build import upstream_failures
from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.build.steps import STEPS
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.evaluation.late_fusion import SINGLE
from pipeline.evaluation.metrics import confusion_over_seeds, differences, scores
from pipeline.evaluation.predictions import Predictions, telling_clips
from pipeline.evaluation.results import FUSED, read_curves, read_predictions, read_probabilities
from pipeline.files import replaced_folder, write_whole
from pipeline.inputs.vectors import vectors_of
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.clip_strip import strip_of
from pipeline.report.figures import accuracies, confusion, curves, feature_map, runs_of
from pipeline.report.page import Picture, Report, render
from pipeline.report.strip_figure import clip_strip
from pipeline.training.trainings import read_trainings
from pipeline.versions import major_minor

PACKAGES = ("torch", "torchvision", "numpy", "zarr", "av", "opencv-python")


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:  # noqa: ARG001
    """Write reports/<dataset>/index.html, which holds its pictures, and reports/<dataset>/pictures."""
    began = time.monotonic()
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    document = json.loads(paths.need(paths.reports / "metrics.json", "train").read_text())
    predictions = read_predictions(paths.reports / "predictions.parquet")
    pictures = _pictures(paths, preset, catalog, predictions, document)
    strips = {name: picture for name, picture in pictures.items() if name.startswith("clip_")}
    lost = upstream_failures(opened_store(paths.store("features")))
    page = Report(
        dataset=paths.dataset,
        protocol=catalog.protocol,
        scores=scores(document),
        differences=differences(document),
        clips=document["clips"],
        notes=_notes(paths, preset, document),
        flags=Counter(flag for entry in catalog.entries for flag in entry.flags),
        failures=[(f.clip_id, f.error, f"{f.stage}: {f.message}") for f in lost],
        accuracies=pictures["accuracies"],
        confusions=[pictures[f"confusion_{name}"] for name in _with_matrix(predictions)],
        features=pictures["features"],
        curves=pictures["curves"],
        strips=list(strips.values()),
        provenance=_provenance(paths),
    )
    with replaced_folder(paths.reports / "pictures") as folder:
        for name, picture in pictures.items():
            (folder / f"{name}.png").write_bytes(picture.png)
    write_whole(paths.reports / "index.html", render(page))
    return Summary(
        "report", len(strips), 0, 0, time.monotonic() - began, 0.0, note=f"{paths.reports / 'index.html'}"
    )


def _pictures(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions, document: dict[str, Any]
) -> dict[str, Picture]:
    """Every picture by its file's name."""
    names = catalog.classes
    found = {
        "accuracies": Picture(
            accuracies(scores(document), preset.report.ceilings), "Bars of each method's accuracy"
        ),
        "features": _features(paths, preset, catalog, predictions),
        "curves": Picture(
            curves(runs_of(**read_curves(paths.reports / "curves.csv"))), "Loss and accuracy by epoch"
        ),
    }
    for method in _with_matrix(predictions):
        matrix = confusion_over_seeds(predictions, method, len(names))
        found[f"confusion_{method}"] = Picture(
            confusion(matrix, names, method), f"Confusion matrix of {method}"
        )
    for clip_id in telling_clips(predictions, fused=FUSED, count=preset.report.clips):
        png = clip_strip(strip_of(paths, preset, catalog, predictions, clip_id))
        found[f"clip_{clip_id}"] = Picture(png, f"Sampled frames, crops and heatmaps of clip {clip_id}")
    return found


def _with_matrix(predictions: Predictions) -> list[str]:
    """The methods whose confusions are shown: the single modalities, as far as they were asked, and the fusion."""
    return [name for name in (*SINGLE, FUSED) if name in predictions.predicted]


def _features(paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions) -> Picture:
    ids = predictions.clip_ids
    seed = preset.train.seeds[0]
    store = opened_store(paths.store("features"))
    skeleton, video = vectors_of(store, preset.train, preset.pretrain, seed, selection=False).read(ids)
    fused = read_probabilities(paths.reports / "predictions.parquet", FUSED, ids)
    sides = {"video": (video, preset.train.video), "skeleton": (skeleton, preset.train.skeleton)}
    values = {name: vectors for name, (vectors, backbones) in sides.items() if backbones}
    values["fused, class scores"] = fused
    png = feature_map(values, predictions.labels, catalog.classes, max_clips=preset.report.tsne_clips)
    return Picture(png, "Test clips by t-SNE of their features, coloured by class")


def _notes(paths: Paths, preset: Preset, document: dict[str, Any]) -> list[str]:
    """How often what was trained, and what selected."""
    seeds, heads = preset.pretrain.seeds, preset.train.seeds
    once = "were trained once" if len(seeds) == 1 else f"were trained with each of {len(seeds)} seeds"
    trainings = read_trainings(paths.weights / "backbones")
    selected = [
        f"{t.name} {t.val_accuracy:.1f} % at epoch {t.best_epoch + 1}"
        for t in trainings
        if t.val_accuracy is not None
    ]
    return [
        f"The backbones {once}; the spread is over {len(heads)} seeds of the heads"
        + ("." if len(seeds) == 1 else ", each on its own backbones."),
        f"Selected on {document['selected_on']}, held out of the training part; never on test clips.",
        "Held-out accuracy of the selection runs: " + ", ".join(selected) + ".",
        f"Fused is {document['fusion']}; score_sum is the mean of the two single modalities' class probabilities, "
        f"weighted_product their product, {document['skeleton_weight']:.2f} on the skeleton as held-out clips have it.",
    ]


def _provenance(paths: Paths) -> dict[str, str]:
    weights = {
        f"weights {t.array}": f"sha256 {t.sha256}" for t in read_trainings(paths.weights / "backbones")
    }
    steps = ", ".join(f"{step.name} {step.version}" for step in STEPS.values())
    return {
        "steps and versions": steps,
        **{package: major_minor(package) for package in PACKAGES},
        **weights,
    }
