"""Words of one page beside its figures: how it was trained and selected, what is missing, by which versions."""

from typing import Any

from pipeline.build.build import recorded_failures
from pipeline.build.steps import STEPS
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.leaks import catalog_leaks
from pipeline.evaluation.late_fusion import left_out_note
from pipeline.evaluation.results import FUSED, LEAKS
from pipeline.params.heads import OWN_CLASSIFIER
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.training.trainings import listed_trainings
from pipeline.versions import major_minor

FEW_TESTED = 50
"""Below so many test clips a reader is told what one of them weighs."""
PACKAGES = ("torch", "torchvision", "numpy", "zarr", "av", "opencv-python")


def notes(paths: Paths, preset: Preset, document: dict[str, Any]) -> list[str]:
    """Say how often what was trained, and what selected."""
    seeds, heads = preset.pretrain.seeds, preset.train.seeds
    once = "were trained once" if len(seeds) == 1 else f"were trained with each of {len(seeds)} seeds"
    trainings = listed_trainings(paths.weights / "backbones")
    selected = [
        f"{t.name} {t.val_accuracy:.1f} % at epoch {t.best_epoch + 1}"
        for t in trainings
        if t.val_accuracy is not None
    ]
    spread = (
        "the heads have one seed"
        if len(heads) == 1
        else f"the spread is over {len(heads)} seeds of the heads"
    )
    return [
        f"The backbones {once}; {spread}" + ("." if len(seeds) == 1 else ", each on its own backbones."),
        "Selected on the TEST clips, as the papers do: every figure on this page leaks."
        if document["selected_on"] == LEAKS
        else f"Selected on {document['selected_on']}, held out of the training part; never on test clips.",
        *_crossed(preset),
        "Accuracy of the selection runs on the clips that select: " + ", ".join(selected) + ".",
        _fused(preset, document) if FUSED in document else _alone(document),
        *_classifiers(preset),
        *_imported(document),
    ]


def _crossed(preset: Preset) -> list[str]:
    """Say which networks the heads learned from, where not from those that saw the clips."""
    parts = preset.pretrain.cross_fit
    return (
        [
            f"Heads were fitted on out-of-fold features: a training clip's are of networks trained without its part of "
            f"{parts}, test clips' of networks trained on all parts."
        ]
        if parts
        else []
    )


def _alone(document: dict[str, Any]) -> str:
    note = left_out_note(document)
    return f"One modality, {document['fusion']}: nothing is fused" + (f"; {note}." if note else ".")


def _fused(preset: Preset, document: dict[str, Any]) -> str:
    two = preset.train.late_fusion
    why = (
        "for files have no held-out clips" if {*two} & {*preset.train.scores} else "as held-out clips have it"
    )
    return (
        f"Fused is {document['fusion']}; score_sum is the mean of the class probabilities of {' and '.join(two)}, "
        f"weighted_product their product, {document['skeleton_weight']:.2f} on the skeleton {why}."
    )


def _classifiers(preset: Preset) -> list[str]:
    """Say what the rows of the networks' own classifiers are, where there are some."""
    rows = [method for method in preset.train.methods if method.partition("@")[0] == OWN_CLASSIFIER]
    meaning = (
        "the classifier that its backbone was trained with, no head on its features, one figure a seed of it"
    )
    return [f"{', '.join(rows)}: {meaning}."] if rows else []


def _imported(document: dict[str, Any]) -> list[str]:
    """Say which rows ran elsewhere, where some did."""
    return [
        f"{name} ran elsewhere: its {one['scores']} are read from {one['path']} (sha256 {one['sha256']}), and "
        "nothing is known of the clips that it was fitted to or selected on."
        for name, one in document.get("imported", {}).items()
    ]


def warnings(paths: Paths, catalog: Catalog, incomplete: int) -> list[str]:
    """Say what a reader must know before believing an accuracy, and what is not there to be shown.

    `incomplete` is the number of recordings that lie there in part.
    """
    found = [f"{leaks}." if (leaks := catalog_leaks(catalog)) else ""]
    found.append("" if catalog.has_videos else "The dataset has no videos: no crops, no pictures of clips.")
    if catalog.layout == WHOLE_FRAME.name:
        found.append("The dataset has no skeletons: crops are whole frames, no heatmaps.")
    if catalog.unused:
        found.append(f"{catalog.unused} usable clips are unused: {catalog.protocol} leaves them out.")
    if incomplete:
        found.append(f"{incomplete} recordings lie there in part; failures.jsonl names them.")
    tested = len(catalog.usable("test"))
    if 0 < tested < FEW_TESTED:
        found.append(f"{tested} test clips alone: one of them is {100 / tested:.0f} points of accuracy.")
    unnamed = catalog.unlisted - sum(f.stage == "index" and f.counts for f in recorded_failures(paths))
    if unnamed > 0:
        found.append(
            f"{unnamed} recordings were refused by `index` on another machine, which has their names."
        )
    return [text for text in found if text]


def provenance(paths: Paths) -> dict[str, str]:
    """Return versions of steps and packages, and the digest of each backbone's weights."""
    weights = {
        f"weights {t.array}": f"sha256 {t.sha256}" for t in listed_trainings(paths.weights / "backbones")
    }
    steps = ", ".join(f"{step.name} {step.version}" for step in STEPS.values())
    return {
        "steps and versions": steps,
        **{package: major_minor(package) for package in PACKAGES},
        **weights,
    }
