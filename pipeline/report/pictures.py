"""Pictures of one page: results, features, clips, drawn from the files of a finished run."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pipeline.build.failures import shortened
from pipeline.catalog.catalog import Catalog
from pipeline.errors import ClipError
from pipeline.evaluation.late_fusion import SINGLE
from pipeline.evaluation.metrics import confusion_over_seeds, scores
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.results import FUSED, read_curves
from pipeline.evaluation.small_samples import read_small_samples
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.by_class import class_accuracies, class_counts
from pipeline.report.clip_strip import strip_of
from pipeline.report.clips import shown_clips
from pipeline.report.figures import accuracies, confusion, curves, feature_map, runs_of
from pipeline.report.html.images import Picture
from pipeline.report.html.maps import ClipMaps
from pipeline.report.html.tables import ByClass, Confusion
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
    paths: Paths,
    preset: Preset,
    names: Sequence[str],
    predictions: Predictions,
    maps: ClipMaps,
    document: dict[str, Any],
) -> dict[str, Picture]:
    """Draw every picture of the results, by its file's name; `maps` and confusions the page shows in its own way."""
    runs = runs_of(
        **read_curves(paths.reports / "curves.csv")
    )  # first: what cannot be read is refused before anything is drawn
    found = {
        "accuracies": Picture(
            accuracies(scores(document), preset.report.ceilings), "Bars of each method's accuracy"
        ),
        "features": Picture(
            feature_map(maps.panels, maps.labels, names),
            "Test clips by t-SNE of their features, coloured by class",
        ),
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
    for one in confusions(predictions, len(names)):
        found[f"confusion_{one.method}"] = Picture(
            confusion(one.counts, names, one.method), f"Confusion matrix of {one.method}"
        )
    return found


def confusions(predictions: Predictions, classes: int) -> list[Confusion]:
    """Count who is taken for whom by each modality and by the fusion."""
    return [
        Confusion(method, confusion_over_seeds(predictions, method, classes)) for method in _few(predictions)
    ]


def by_class(predictions: Predictions, classes: int) -> ByClass:
    """Return each class's accuracy by each modality and by the fusion."""
    found = {method: class_accuracies(predictions, method, classes) for method in _few(predictions)}
    return ByClass(class_counts(predictions, classes), found)


def _few(predictions: Predictions) -> list[str]:
    """The methods that are shown in detail."""
    return [name for name in (*SINGLE, FUSED) if name in predictions.methods]


def strips(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions
) -> tuple[dict[str, Picture], list[str]]:
    """Draw some clips by file name, and say which of them can't be shown any more."""
    found, lacking = {}, []
    for clip_id in shown_clips(preset, catalog, predictions):
        try:
            png = clip_strip(strip_of(paths, preset, catalog, predictions, clip_id))
        except ClipError as error:
            lacking.append(f"{clip_id} is not shown: {shortened(str(error))}.")
        else:
            alt = f"Sampled frames, crops and heatmaps of clip {clip_id}"
            found[f"clip_{quote(clip_id, safe=' ')}"] = Picture(png, alt, clip_id=clip_id)
    return found, lacking
