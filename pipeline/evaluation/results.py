"""Files that `train` writes beside the weights: predictions, metrics, curves and confusion, and their summary."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cache import Store
from pipeline.arrays.arrow_columns import numbers, numbers_or_none, vectors, words
from pipeline.build.failures import Summary
from pipeline.build.pinned import Pinned
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.leaks import catalog_leaks
from pipeline.evaluation.calibration import probability_figures
from pipeline.evaluation.confused import confused_document
from pipeline.evaluation.gates import gate_figures
from pipeline.evaluation.late_fusion import SINGLE, Scores
from pipeline.evaluation.metrics import Roles, differences, metrics_document
from pipeline.evaluation.predictions import Predictions, join
from pipeline.files import write_whole
from pipeline.paths import Paths
from pipeline.seals import parsed, seals_of, write_seals
from pipeline.training.splits import SplitParts, parts_of
from pipeline.training.trainings import Training, listed_trainings, write_trainings

if TYPE_CHECKING:
    from pipeline.params.params import Preset, PretrainParams

FUSED = "fused"
"""Key in metrics.json of the fusion that the params choose."""

LEAKS = "test (leaks)"
"""Value of `selected_on` in metrics.json where epochs and weights were chosen on the test clips."""

SELECTED_ON = {"group": "val", "clip": "val, single clips whose people are fitted too"}
"""Value of `selected_on` in metrics.json otherwise, by `hold_out.by`."""

NO_HEADS = "the preset has no `train`"
"""Value of `heads` in metrics.json where nothing was to be fitted on the features."""

SHOWN = 5
"""Number of left-out clips that a message names; failures.jsonl has all."""

_PREDICTION_TYPES = {
    "clip_id": pa.string(),
    "label": pa.int64(),
    "method": pa.string(),
    "seed": pa.int64(),
    "predicted": pa.int64(),
    "probabilities": pa.list_(pa.float32()),
}

PREDICTION_COLUMNS = tuple(_PREDICTION_TYPES)

WRITTEN = ("predictions.parquet", "metrics.json", "confusion.csv", "curves.csv")
"""Names of the files that `train` writes into reports/<dataset>."""


def selected_on(how: "PretrainParams") -> str:
    """Say on which clips epochs and weights were chosen, as metrics.json has it."""
    return LEAKS if how.selected_on == "test" else SELECTED_ON[how.hold_out.by]


def run_facts(preset: "Preset", catalog: Catalog) -> dict[str, Any]:
    """Return the facts of a run that metrics.json states beside its figures."""
    leaks, pretrain = catalog_leaks(catalog), preset.pretrain
    return {
        "selected_on": selected_on(pretrain),
        "fusion": preset.train.fused,
        "backbone_seeds": list(pretrain.seeds),
        "on_both_sides": {"clips": len(leaks.clips), "subjects": len(leaks.subjects)},
        **({"cross_fit": pretrain.cross_fit} if pretrain.cross_fit else {}),
    }


def prediction_columns(
    ids: Sequence[str], labels: NDArray[np.int64], scored: Sequence[Scores]
) -> dict[str, list[Any]]:
    """Return columns with one row for each method, seed and clip.

    Columns: clip_id, label, method, seed, predicted, probabilities (one a class); `gate`, its mean over channels, None
    of methods without, where one has a gate.
    """
    columns: dict[str, list[Any]] = {name: [] for name in PREDICTION_COLUMNS}
    for one in scored:
        columns["clip_id"] += list(ids)
        columns["label"] += labels.tolist()
        columns["method"] += [one.method] * len(ids)
        columns["seed"] += [one.seed] * len(ids)
        columns["predicted"] += one.probabilities.argmax(axis=1).tolist()
        columns["probabilities"] += list(one.probabilities.astype(np.float32))
    if any(one.gates is not None for one in scored):
        gates = [[None] * len(ids) if one.gates is None else one.gates.tolist() for one in scored]
        columns["gate"] = [gate for of_method in gates for gate in of_method]
    return columns


def _table(columns: Mapping[str, list[Any]]) -> pa.Table:
    """`prediction_columns` as Arrow has them."""
    made = {name: words(columns[name]) for name in ("clip_id", "method")}
    made |= {name: numbers(np.array(columns[name], np.int64)) for name in ("label", "seed", "predicted")}
    made["probabilities"] = vectors(np.array(columns["probabilities"], np.float32))
    if "gate" in columns:
        made["gate"] = numbers_or_none(columns["gate"])
    return pa.table({name: made[name] for name in columns})


def read_predictions(path: Path) -> Predictions:
    """Read predictions, joined by clip id. Raises DatasetError where the file is not what `train` wrote."""
    columns = list(PREDICTION_COLUMNS[:-1])
    return parsed(path, lambda data: join(**pq.ParquetFile(io.BytesIO(data)).read(columns).to_pydict()))


def read_probabilities(path: Path, method: str, ids: Sequence[str]) -> NDArray[np.float32]:
    """Return the class probabilities of `method` with its lowest seed for each of `ids`: (N, K)."""
    wanted = [("method", "=", method)]
    table = parsed(path, lambda data: pq.read_table(io.BytesIO(data), filters=wanted).to_pydict())
    first = min(table["seed"])
    rows = zip(table["clip_id"], table["seed"], table["probabilities"], strict=True)
    found = {clip_id: values for clip_id, seed, values in rows if seed == first}
    return np.array([found[clip_id] for clip_id in ids], np.float32)


def write_curves(path: Path, runs: Sequence[tuple[str, str, int, Sequence[Mapping[str, Any]]]]) -> None:
    """Write curves.csv from (phase, method, seed, history) of each training.

    Columns: phase, method, seed, epoch, train_loss, val_accuracy.
    """
    rows = [
        (phase, method, seed, record["epoch"], record["train_loss"], record["val_accuracy"])
        for phase, method, seed, history in runs
        for record in history
    ]
    _write_csv(path, ("phase", "method", "seed", "epoch", "train_loss", "val_accuracy"), rows)


def read_curves(path: Path) -> dict[str, list[Any]]:
    """Read the columns of curves.csv; NaN where no clips were held out. Raises DatasetError for another file."""
    return parsed(path, lambda data: _curves(list(csv.DictReader(io.StringIO(data.decode(), newline="")))))


def _curves(rows: Sequence[Mapping[str, str]]) -> dict[str, list[Any]]:
    if not rows:
        raise ValueError("no training is told")
    return {
        "phase": [row["phase"] for row in rows],
        "method": [row["method"] for row in rows],
        "seed": [int(row["seed"]) for row in rows],
        "epoch": [int(row["epoch"]) for row in rows],
        "train_loss": [float(row["train_loss"]) for row in rows],
        "val_accuracy": [float(row["val_accuracy"] or np.nan) for row in rows],
    }


def write_confusion(path: Path, predictions: Predictions, method: str, names: Sequence[str]) -> None:
    """Write columns actual, predicted of one method, a row for each clip and seed, for `dvc plots show`."""
    rows = [
        (names[label], names[answer])
        for seed in sorted(predictions.predicted[method])
        for label, answer in zip(predictions.labels, predictions.predicted[method][seed], strict=True)
    ]
    _write_csv(path, ("actual", "predicted"), rows)


def main_method(predictions: Predictions) -> str:
    """Return the fusion that the params choose; with one modality, its own head."""
    return FUSED if FUSED in predictions.methods else predictions.methods[0]


def left_out(catalog: Catalog, features: Store) -> str:
    """Describe which usable clips have no features, and why; empty where all have some."""
    reasons = {failure["id"]: failure["error"] for failure in features.failures}
    there = set(features.ids) - reasons.keys()
    lost = [e.clip.clip_id for e in catalog.usable() if e.clip.clip_id not in there]
    if not lost:
        return ""
    named = ", ".join(
        f"{clip_id} ({reasons.get(clip_id, 'lost before features')})" for clip_id in lost[:SHOWN]
    )
    more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    return (
        f"{len(lost)} usable clips left out, they have no features: {named}{more}; reasons in failures.jsonl"
    )


def write_results(
    paths: Paths,
    catalog: Catalog,
    parts: SplitParts,
    scored: Sequence[Scores],
    heads: Sequence[Training],
    facts: Mapping[str, Any],
) -> None:
    """Write predictions.parquet, metrics.json, confusion.csv and curves.csv of one run of `train`.

    In metrics.json, `train`, `val`, `test`, `failed` and `unused` (which the protocol leaves out) add up
    to all clips;
    the final runs fit train and val.
    """
    labels = catalog.labels(parts.test)
    columns, sink = prediction_columns(parts.test, labels, scored), io.BytesIO()
    pq.write_table(_table(columns), sink, compression="zstd")
    write_whole(paths.reports / "predictions.parquet", sink.getvalue())
    predictions = join(**{name: columns[name] for name in PREDICTION_COLUMNS[:-1]})
    document = metrics_document(
        predictions,
        dataset=paths.dataset,
        protocol=catalog.protocol,
        clips=_clip_counts(catalog, parts),
        roles=Roles(single=SINGLE, fused=FUSED),
        facts=facts,
    )
    for figures in (probability_figures(labels, scored), gate_figures(labels, scored, catalog.classes)):
        for method, of_method in figures.items():
            document[method] |= of_method
    document |= confused_document(predictions, differences(document), catalog.classes)
    write_whole(paths.reports / "metrics.json", json.dumps(document, indent=1) + "\n")
    write_confusion(paths.reports / "confusion.csv", predictions, main_method(predictions), catalog.classes)
    _write_all_curves(paths, heads)
    write_seals(paths.reports / seals_of("train"), [paths.reports / name for name in WRITTEN])


def leave_without_heads(
    paths: Paths, catalog: Catalog, features: Store, inputs: Pinned, how: "PretrainParams"
) -> Summary:
    """Write what `train` writes, with no head in it; `how` divides the clips that have features."""
    lost = {failure["id"] for failure in features.failures}
    parts = parts_of(catalog, set(features.ids) - lost, how)
    inputs.check()
    write_trainings(paths.weights / "heads", (), paths.open_cache())
    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.nulls(0, kind) for name, kind in _PREDICTION_TYPES.items()}), sink)
    write_whole(paths.reports / "predictions.parquet", sink.getvalue())
    document = {
        "dataset": paths.dataset,
        "protocol": catalog.protocol,
        "seeds": [],
        "clips": _clip_counts(catalog, parts),
        "heads": NO_HEADS,
    }
    write_whole(paths.reports / "metrics.json", json.dumps(document, indent=1) + "\n")
    _write_csv(paths.reports / "confusion.csv", ("actual", "predicted"), ())
    _write_all_curves(paths, ())
    write_seals(paths.reports / seals_of("train"), [paths.reports / name for name in WRITTEN])
    return Summary("train", 0, 0, 0, 0.0, 0.0, note=f"{NO_HEADS}: no head is fitted", unit="heads")


def _write_all_curves(paths: Paths, heads: Sequence[Training]) -> None:
    """Curves of the backbones that lie there, then of the heads."""
    backbones = listed_trainings(paths.weights / "backbones")
    runs = [(f"pretrain, {t.phase}", t.title, t.seed, t.history) for t in backbones]
    runs += [(f"train, {t.phase}", t.name, t.seed, t.history) for t in heads]
    write_curves(paths.reports / "curves.csv", runs)


def _clip_counts(catalog: Catalog, parts: SplitParts) -> dict[str, int]:
    """How many clips are on each side; together all that lie there."""
    seen = len(parts.training) + len(parts.test)
    every = len(catalog.entries) + catalog.unlisted
    return {
        "train": len(parts.fit),
        "val": len(parts.held_out),
        "test": len(parts.test),
        "failed": every - seen - catalog.unused,
        "unused": catalog.unused,
    }


def read_metrics(path: Path) -> dict[str, Any]:
    """metrics.json. Raises DatasetError where it is not what `train` wrote."""
    document: dict[str, Any] = parsed(path, json.loads)
    return document


def _write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_whole(path, text.getvalue())
