"""Stage `report`: results, figures and failures on one page."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.build.aside import refuse_withdrawn
from pipeline.build.build import recorded_failures
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.evaluation.confused import read_confused
from pipeline.evaluation.gates import read_gates
from pipeline.evaluation.metrics import differences, scores
from pipeline.evaluation.results import NO_HEADS, read_curves, read_metrics, read_predictions
from pipeline.files import replaced_folder, write_whole
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.clips import browser_of, maps_of
from pipeline.report.figures import curves, runs_of
from pipeline.report.html.images import Picture
from pipeline.report.html.page import Report, render
from pipeline.report.html.paper_tables import read_paper_tables
from pipeline.report.notes import notes, provenance, warnings
from pipeline.report.pairs import paired_differences
from pipeline.report.pictures import by_class, confusions, pictures, strips
from pipeline.report.quality_pictures import quality_section
from pipeline.report.runs import runs_beside
from pipeline.seals import seals_of, write_seals
from pipeline.training.trainings import TRAININGS

STORES = ("skeletons", "samples", "frames", "heatmaps", "features")
RESULTS = ("metrics.json", "predictions.parquet", "curves.csv")


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:  # noqa: ARG001
    """Write reports/<dataset>/index.html, which holds its pictures, and reports/<dataset>/pictures."""
    began = time.monotonic()
    inputs = pinned(*_inputs(paths))
    refuse_withdrawn(paths.open_cache(), inputs)
    page, every = _page(paths, preset)
    inputs.check()
    _publish(paths, page, every)
    return Summary(
        "report",
        len(page.strips),
        0,
        0,
        time.monotonic() - began,
        0.0,
        note=f"{paths.reports / 'index.html'}",
    )


def _page(paths: Paths, preset: Preset) -> tuple[Report, Mapping[str, Picture]]:
    """The page, and every picture by its file's name."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    document = read_metrics(paths.need(paths.reports / "metrics.json", "train"))
    with_or_without = _page_without_heads if preset.train.asks_nothing else _page_with_heads
    return with_or_without(paths, preset, catalog, document)


def _page_with_heads(
    paths: Paths, preset: Preset, catalog: Catalog, document: dict[str, Any]
) -> tuple[Report, Mapping[str, Picture]]:
    predictions, lost = read_predictions(paths.reports / "predictions.parquet"), recorded_failures(paths)
    listed = browser_of(paths, preset, catalog, predictions, lost)
    maps = maps_of(paths, preset, predictions, listed)
    drawn = pictures(paths, preset, catalog.classes, predictions, maps, document)
    shown, lacking = strips(paths, preset, catalog, predictions)
    quality, flaws = quality_section(paths, preset, catalog)
    page = Report(
        dataset=paths.dataset,
        protocol=catalog.protocol,
        scores=scores(document),
        differences=differences(document),
        clips=document["clips"],
        notes=notes(paths, preset, document),
        flags=Counter(flag for entry in catalog.entries for flag in entry.flags),
        failures=[(f.clip_id, f.error, f"{f.stage}: {f.message}") for f in lost if f.counts],
        warnings=[*warnings(paths, catalog, sum(not f.counts for f in lost)), *lacking],
        quality=quality,
        accuracies=drawn["accuracies"],
        classes=catalog.classes,
        pairs=paired_differences(predictions),
        runs=runs_beside(paths.root / "reports", paths.dataset, predictions, preset.report.runs),
        by_class=by_class(predictions, len(catalog.classes)),
        confusions=confusions(predictions, len(catalog.classes)),
        maps=maps,
        browser=listed,
        calibration=drawn.get("calibration"),
        small_samples=drawn.get("small_samples"),
        gates=read_gates(document),
        confused=read_confused(document),
        curves=drawn["curves"],
        strips=list(shown.values()),
        tables=read_paper_tables(paths.reports / "tables"),
        provenance=provenance(paths),
    )
    return page, drawn | shown | flaws


def _page_without_heads(
    paths: Paths, preset: Preset, catalog: Catalog, document: dict[str, Any]
) -> tuple[Report, Mapping[str, Picture]]:
    """The page of a preset without `train`: clips, failures, quality, curves of the backbones."""
    lost = recorded_failures(paths)
    quality, flaws = quality_section(paths, preset, catalog)
    drawn = Picture(
        curves(runs_of(**read_curves(paths.reports / "curves.csv"))), "Loss and accuracy by epoch"
    )
    page = Report(
        dataset=paths.dataset,
        protocol=catalog.protocol,
        scores=(),
        differences=(),
        clips=document["clips"],
        notes=[f"{NO_HEADS[0].upper()}{NO_HEADS[1:]}: no head was fitted, so there is no accuracy."],
        flags=Counter(flag for entry in catalog.entries for flag in entry.flags),
        failures=[(f.clip_id, f.error, f"{f.stage}: {f.message}") for f in lost if f.counts],
        warnings=warnings(paths, catalog, sum(not f.counts for f in lost)),
        quality=quality,
        classes=catalog.classes,
        curves=drawn,
        provenance=provenance(paths),
    )
    return page, {"curves": drawn, **flaws}


def _publish(paths: Paths, page: Report, every: Mapping[str, Picture]) -> None:
    with replaced_folder(paths.reports / "pictures") as folder:
        for name, picture in every.items():
            (folder / f"{name}.png").write_bytes(picture.png)
    write_whole(paths.reports / "index.html", render(page))
    write_seals(paths.reports / seals_of("report"), [paths.reports / "index.html"])


def _inputs(paths: Paths) -> list[Path]:
    """Everything that the page is made from; heads are not read, but figures of withdrawn ones are refused."""
    stores, results = (paths.store(name) for name in STORES), (paths.reports / name for name in RESULTS)
    return [paths.catalog, paths.weights / "heads" / TRAININGS, *stores, *results]
