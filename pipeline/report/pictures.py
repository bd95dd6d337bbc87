"""Pictures of one page: results, features, clips, drawn from the files of a finished run."""

from typing import Any
from urllib.parse import quote

from pipeline.build.failures import shortened
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_store
from pipeline.errors import ClipError
from pipeline.evaluation.late_fusion import SINGLE
from pipeline.evaluation.metrics import confusion_over_seeds, scores
from pipeline.evaluation.predictions import Predictions, telling_clips
from pipeline.evaluation.results import FUSED, main_method, read_curves, read_probabilities
from pipeline.evaluation.small_samples import read_small_samples
from pipeline.inputs.head_input import VectorInput, backbone_seed, networks_of
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.clip_strip import strip_of
from pipeline.report.figures import accuracies, confusion, curves, feature_map, runs_of
from pipeline.report.page import Picture
from pipeline.report.reliability_diagram import reliability_diagram
from pipeline.report.small_samples_figure import small_samples_figure
from pipeline.report.strip_figure import clip_strip

CALIBRATION_CAPTION = (
    "Clips of all seeds by the probability of their predicted class (bins of Guo et al., ICML 2017). On the dashed "
    "line confidence is accuracy; dots below it are too sure. A dot's area is its share of the clips."
)

SMALL_CAPTION = (
    "Heads fitted on few clips of each class, drawn by each seed; bars: standard deviation over seeds. The backbones "
    "are those of the table, which saw all training clips."
)


def pictures(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions, document: dict[str, Any]
) -> dict[str, Picture]:
    """Draw every picture of the results, by its file's name."""
    names = catalog.classes
    runs = runs_of(
        **read_curves(paths.reports / "curves.csv")
    )  # first: what cannot be read is refused before anything is drawn
    found = {
        "accuracies": Picture(
            accuracies(scores(document), preset.report.ceilings), "Bars of each method's accuracy"
        ),
        "features": _features(paths, preset, catalog, predictions),
        "curves": Picture(curves(runs), "Loss and accuracy by epoch"),
    }
    of_methods = {score.method: score.calibration for score in scores(document) if score.calibration}
    shown = {name: of_methods[name] for name in (*SINGLE, FUSED) if name in of_methods}
    if shown:
        found["calibration"] = Picture(
            reliability_diagram(shown), "Accuracy of each method by its confidence", CALIBRATION_CAPTION
        )
    if small := read_small_samples(document):
        found["small_samples"] = Picture(
            small_samples_figure(small), "Accuracy of each method by training clips a class", SMALL_CAPTION
        )
    for method in (name for name in (*SINGLE, FUSED) if name in predictions.methods):
        matrix = confusion_over_seeds(predictions, method, len(names))
        found[f"confusion_{method}"] = Picture(
            confusion(matrix, names, method), f"Confusion matrix of {method}"
        )
    return found


def strips(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions
) -> tuple[dict[str, Picture], list[str]]:
    """Draw some clips by file name, and say which of them can't be shown any more."""
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
    store = opened_store(paths.store("features"))
    main = main_method(predictions)
    scored = read_probabilities(paths.reports / "predictions.parquet", main, ids)
    heads, backbones = preset.train, preset.pretrain
    seed = backbone_seed(heads, backbones, heads.seeds[0], selection=False)
    values = {
        side: VectorInput(store, networks_of(names, backbones, seed, selection=False)).read(ids)
        for side in SINGLE
        if (names := getattr(heads, side))
    }
    values[f"{main}, class scores"] = scored
    png = feature_map(values, predictions.labels, catalog.classes, max_clips=preset.report.tsne_clips)
    return Picture(png, "Test clips by t-SNE of their features, coloured by class")
