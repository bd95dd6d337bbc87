"""Stage `report`: results, figures and failures on one page."""

import time
from collections import Counter
from typing import Any
from urllib.parse import quote

from pipeline.arrays.cut_arrays import FEATURES
from pipeline.build.build import told_failures
from pipeline.build.failures import Summary, shortened
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import STEPS
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.indexing import catalog_leaks
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.errors import ClipError
from pipeline.evaluation.late_fusion import SINGLE, told_left_out
from pipeline.evaluation.metrics import confusion_over_seeds, differences, scores
from pipeline.evaluation.predictions import Predictions, telling_clips
from pipeline.evaluation.results import (
    FUSED,
    LEAKS,
    main_method,
    read_curves,
    read_metrics,
    read_predictions,
    read_probabilities,
)
from pipeline.files import replaced_folder, write_whole
from pipeline.inputs.head_input import VectorInput, arrays_of
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.clip_strip import strip_of
from pipeline.report.figures import accuracies, confusion, curves, feature_map, runs_of
from pipeline.report.page import Picture, Report, render
from pipeline.report.strip_figure import clip_strip
from pipeline.seals import seals_of, write_seals
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.training.trainings import told_trainings
from pipeline.versions import major_minor

STORES = ("skeletons", "samples", "frames", "heatmaps", "features")
RESULTS = ("metrics.json", "predictions.parquet", "curves.csv")
PACKAGES = ("torch", "torchvision", "numpy", "zarr", "av", "opencv-python")


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:  # noqa: ARG001
    """Write reports/<dataset>/index.html, which holds its pictures, and reports/<dataset>/pictures."""
    began = time.monotonic()
    inputs = pinned(
        paths.catalog, *(paths.store(name) for name in STORES), *(paths.reports / n for n in RESULTS)
    )
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    document = read_metrics(paths.need(paths.reports / "metrics.json", "train"))
    predictions = read_predictions(paths.reports / "predictions.parquet")
    pictures = _pictures(paths, preset, catalog, predictions, document)
    strips, lacking = _strips(paths, preset, catalog, predictions)
    lost = told_failures(paths)
    page = Report(
        dataset=paths.dataset,
        protocol=catalog.protocol,
        scores=scores(document),
        differences=differences(document),
        clips=document["clips"],
        notes=_notes(paths, preset, document),
        flags=Counter(flag for entry in catalog.entries for flag in entry.flags),
        failures=[(f.clip_id, f.error, f"{f.stage}: {f.message}") for f in lost if f.counts],
        warnings=[*_warnings(paths, catalog, sum(not f.counts for f in lost)), *lacking],
        accuracies=pictures["accuracies"],
        confusions=[picture for name, picture in pictures.items() if name.startswith("confusion_")],
        features=pictures["features"],
        curves=pictures["curves"],
        strips=list(strips.values()),
        provenance=_provenance(paths),
    )
    inputs.check()
    with replaced_folder(paths.reports / "pictures") as folder:
        for name, picture in (pictures | strips).items():
            (folder / f"{name}.png").write_bytes(picture.png)
    write_whole(paths.reports / "index.html", render(page))
    write_seals(paths.reports / seals_of("report"), [paths.reports / "index.html"])
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
    for method in (name for name in (*SINGLE, FUSED) if name in predictions.methods):
        matrix = confusion_over_seeds(predictions, method, len(names))
        found[f"confusion_{method}"] = Picture(
            confusion(matrix, names, method), f"Confusion matrix of {method}"
        )
    return found


def _strips(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions
) -> tuple[dict[str, Picture], list[str]]:
    """Some clips' pictures by file name, and what is said of those that can't be shown any more."""
    found, lacking = {}, []
    count = preset.report.clips if catalog.has_videos else 0
    for clip_id in telling_clips(predictions, fused=main_method(predictions), count=count):
        try:
            png = clip_strip(strip_of(paths, preset, catalog, predictions, clip_id))
        except ClipError as error:
            lacking.append(f"{clip_id} is not shown: {shortened(str(error))}.")
        else:
            alt = f"Sampled frames, crops and heatmaps of clip {clip_id}"
            found[f"clip_{quote(clip_id, safe=' ')}"] = Picture(png, alt)
    return found, lacking


def _features(paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions) -> Picture:
    ids = predictions.clip_ids
    seed = preset.train.seeds[0]
    store = opened_store(paths.store("features"))
    main = main_method(predictions)
    scored = read_probabilities(paths.reports / "predictions.parquet", main, ids)
    heads, backbones = preset.train, preset.pretrain
    values = {
        side: VectorInput(
            store, arrays_of(store, names, FEATURES, heads, backbones, seed, selection=False)
        ).read(ids)
        for side in SINGLE
        if (names := getattr(heads, side))
    }
    values[f"{main}, class scores"] = scored
    png = feature_map(values, predictions.labels, catalog.classes, max_clips=preset.report.tsne_clips)
    return Picture(png, "Test clips by t-SNE of their features, coloured by class")


def _notes(paths: Paths, preset: Preset, document: dict[str, Any]) -> list[str]:
    """How often what was trained, and what selected."""
    seeds, heads = preset.pretrain.seeds, preset.train.seeds
    once = "were trained once" if len(seeds) == 1 else f"were trained with each of {len(seeds)} seeds"
    trainings = told_trainings(paths.weights / "backbones")
    selected = [
        f"{t.name} {t.val_accuracy:.1f} % at epoch {t.best_epoch + 1}"
        for t in trainings
        if t.val_accuracy is not None
    ]
    return [
        f"The backbones {once}; the spread is over {len(heads)} seeds of the heads"
        + ("." if len(seeds) == 1 else ", each on its own backbones."),
        "Selected on the TEST clips, as the papers do: every figure on this page leaks."
        if document["selected_on"] == LEAKS
        else f"Selected on {document['selected_on']}, held out of the training part; never on test clips.",
        "Accuracy of the selection runs on the clips that select: " + ", ".join(selected) + ".",
        _fused(document) if FUSED in document else _alone(document),
    ]


def _alone(document: dict[str, Any]) -> str:
    told = told_left_out(document)
    return f"One modality, {document['fusion']}: nothing is fused" + (f"; {told}." if told else ".")


def _fused(document: dict[str, Any]) -> str:
    return (
        f"Fused is {document['fusion']}; score_sum is the mean of the two single modalities' class probabilities, "
        f"weighted_product their product, {document['skeleton_weight']:.2f} on the skeleton as held-out clips have it."
    )


def _warnings(paths: Paths, catalog: Catalog, incomplete: int) -> list[str]:
    """What a reader must know before believing an accuracy, and what is not there to be shown."""
    found = [f"{leaks}." if (leaks := catalog_leaks(catalog)) else ""]
    found.append("" if catalog.has_videos else "The dataset has no videos: no crops, no pictures of clips.")
    if catalog.layout == WHOLE_FRAME.name:
        found.append("The dataset has no skeletons: crops are whole frames, no heatmaps.")
    if catalog.unused:
        found.append(f"{catalog.unused} usable clips are unused: {catalog.protocol} leaves them out.")
    if incomplete:
        found.append(f"{incomplete} recordings lie there in part; failures.jsonl names them.")
    unnamed = catalog.unlisted - sum(f.stage == "index" and f.counts for f in told_failures(paths))
    if unnamed > 0:
        found.append(
            f"{unnamed} recordings were refused by `index` on another machine, which has their names."
        )
    return [text for text in found if text]


def _provenance(paths: Paths) -> dict[str, str]:
    weights = {
        f"weights {t.array}": f"sha256 {t.sha256}" for t in told_trainings(paths.weights / "backbones")
    }
    steps = ", ".join(f"{step.name} {step.version}" for step in STEPS.values())
    return {
        "steps and versions": steps,
        **{package: major_minor(package) for package in PACKAGES},
        **weights,
    }
