"""Heads fitted on out-of-fold features against heads fitted on features of clips that the backbones have memorised.

    python bench/cross_fit.py                       three settings on one cache, some minutes on two cores
    python bench/cross_fit.py --folder /tmp/crossed --cross-fit 2

Forty drawn clips of four people train, sixty of six others test, and a few spoilt ones beside them (`--takes 2`: twice
as many); backbones are trained for many epochs without augmentation, so that they know their clips by heart. Then
`cross_fit: 0`, `cross_fit: K`, and K without alignment, on the same networks. Prints Markdown: accuracy on test clips,
and the mean negative log likelihood on the rows that each head was fitted to (its last epoch's loss) and on test clips,
over the heads' seeds. Then what alignment keeps.
"""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import make_project
from models.training.checkpoint import decode
from pipeline.build.runner import RunOptions
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.demo import make_demo
from pipeline.demo.scenario import DemoSize
from pipeline.evaluation.results import read_curves, read_metrics
from pipeline.inputs.alignment import procrustes
from pipeline.inputs.out_of_fold import view_means
from pipeline.paths import Paths
from pipeline.training.folds import fitted_clips
from pipeline.training.trainings import read_trainings
from stages.load_params import load_params

TRAIN, TEST = (1, 2, 4, 5), (3, 7, 10, 12, 20, 21)
"""People."""

PLAN = {
    "batch": 16,
    "lr": 0.05,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "nesterov": True,
    "weight_decay": 5e-4,
}
METHODS = ("video", "skeleton", "average", "concatenation", "amfi", "amfi@lambda_0")
PLAIN = {"video", "skeleton", "average", "concatenation", "amfi@lambda_0"}
"""Methods whose loss is the cross-entropy alone."""

CHANGES: dict[str, Any] = {
    "crop.recipes.r16.size": [48, 48],
    "pretrain.hold_out": {"share": 0.25},
    "pretrain.select": "last",
    "pretrain.amp": "off",
    "pretrain.backbones": {
        "video": {
            "modality": "video",
            "recipe": "r16",
            "cuts": ["features", "logits"],
            "model": {"kind": "r3d18", "width": 8, "stem": "3x7x7", "maxpool": True},
            "pixels": {"mean": [0.45], "std": [0.25]},
            "augment": {"kind": "light", "shift_pixels": 0, "flip_chance": 0.0},
            "plan": {**PLAN, "epochs": 25},
        },
        "skeleton": {
            "modality": "skeleton",
            "cuts": ["features", "logits"],
            "model": {"kind": "agcn", "layout": [[8, 1], [16, 2], [32, 2]]},
            "input": {"style": "ctr", "num_frames": 16, "max_persons": 2, "length": "resize"},
            "augment": {"crop_shares": [1.0, 1.0], "rotation_radians": 0.0, "scale": 0.0},
            "plan": {**PLAN, "epochs": 25},
        },
    },
    "train.methods": [*METHODS, "classifier@video", "classifier@skeleton"],
    "train.options": {
        "amfi": {"association": "none"},
        "amfi@lambda_0": {"association": "none", "lambda_gate": 0.0},
    },
    "train.single_backbones": [],
    "train.plan.epochs": 30,
}
"""Differences from the preset `demo`: no augmentation, more epochs, and λ = 0 and concatenation as controls."""


def run(paths: Paths, *stages: str) -> None:
    """Run stages in this very process."""
    for stage in stages:
        preset = load_params(paths.params, "demo")
        print(import_module(f"stages.{stage}").run(paths, preset, RunOptions(quiet=True)), file=sys.stderr)


def change(paths: Paths, section: str, **values: Any) -> None:
    """Set values of one section of the project's preset."""
    document = yaml.safe_load(paths.params.read_text())
    document["presets"]["demo"][section].update(values)
    paths.params.write_text(yaml.safe_dump(document))


def measured(paths: Paths) -> dict[str, dict[str, float]]:
    """Mean accuracy on test clips, and mean loss on fitted and on test clips, of each method."""
    metrics, curves = read_metrics(paths.reports / "metrics.json"), read_curves(paths.reports / "curves.csv")
    table = pq.read_table(paths.reports / "predictions.parquet").to_pydict()
    rows_of = zip(table["method"], table["label"], table["probabilities"], strict=True)
    losses = [(of, -np.log(max(of_classes[label], 1e-12))) for of, label, of_classes in rows_of]
    found = {}
    for method in (*METHODS, "classifier@video", "classifier@skeleton"):
        name = "fused" if method == "amfi" else method
        rows = zip(*(curves[key] for key in ("phase", "method", "seed", "epoch", "train_loss")), strict=True)
        last = {seed: loss for phase, of, seed, _, loss in rows if of == method and phase == "train, final"}
        found[method] = {
            "accuracy": metrics[name]["mean"],
            "std": metrics[name]["std"] or 0.0,
            "fitted": float(np.mean([*last.values()])) if method in PLAIN else np.nan,
            "test": float(np.mean([loss for of, loss in losses if of == name])),
        }
    return found


def printed(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Format one Markdown table: a row a method, three columns a setting."""
    heads = [f"{name}: {what}" for name in results for what in ("test, %", "loss fitted", "loss test")]
    lines = [f"| method | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for method in next(iter(results.values())):
        cells = [
            cell
            for of in results.values()
            for cell in (
                f"{of[method]['accuracy']:.1f} ± {of[method]['std']:.1f}",
                "–" if np.isnan(of[method]["fitted"]) else f"{of[method]['fitted']:.2f}",
                f"{of[method]['test']:.2f}",
            )
        ]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kept(paths: Paths) -> str:
    """Format what alignment keeps: per cent of the clips that a network did not see, right by whose classifier.

    Its own on its own vectors; that of the network which saw all parts, on the vectors once aligned, and as they are.
    """
    store, catalog = opened_store(paths.store("features")), opened_catalog(paths.catalog)
    fitted = fitted_clips(paths.weights / "backbones")
    lines = [
        "| network | own classifier | the other's, aligned | the other's, as they are |",
        "|---|---|---|---|",
    ]
    for training in read_trainings(paths.weights / "backbones"):
        if training.part is not None:
            continue
        layer = decode(training.classifier).state
        weight, bias = layer["weight"].numpy(), layer["bias"].numpy()
        right: list[tuple[bool, bool, bool]] = []
        for array in (f"{training.array}_without{part}" for part in range(len(fitted))):
            if array not in fitted:
                continue
            both, unseen = sorted(fitted[array]), sorted(fitted[training.array] - fitted[array])
            aligned = procrustes(*(view_means(store, one, both) for one in (array, training.array)))
            plain, labels = view_means(store, array, unseen), catalog.labels(unseen)
            own = view_means(store, f"{array}_logits", unseen)
            answers = (own, aligned(plain) @ weight.T + bias, plain @ weight.T + bias)
            right += zip(*(answer.argmax(axis=1) == labels for answer in answers), strict=True)
        shares = 100 * np.mean(right, axis=0)
        lines.append(f"| {training.array} | {' | '.join(f'{share:.1f}' for share in shares)} |")
    return "\n".join(lines)


def compared(root: Path, parts: int, takes: int) -> str:
    """Run all settings in `root` on one cache, and return the table."""
    if not (root / "recordings").exists():
        make_demo(root / "recordings", size=DemoSize(TRAIN, TEST, takes), quiet=True)
    paths = Paths(root / "project", "demo")
    if not paths.params.exists():
        make_project(root / "project", root / "recordings", **CHANGES)
    run(paths, "index", "sample", "crop", "heatmaps")
    results, alignment = {}, ""
    for name, cross_fit, align in (
        ("0", 0, "procrustes"),
        (f"{parts}", parts, "procrustes"),
        (f"{parts}, none", parts, "none"),
    ):
        change(paths, "pretrain", cross_fit=cross_fit)
        change(paths, "train", align_folds=align)
        run(paths, "pretrain", "features", "train")
        results[name] = measured(paths)
        alignment = kept(paths) if cross_fit else alignment
    return f"{printed(results)}\n\n{alignment}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cross-fit", type=int, default=4, help="number of parts; 2 to 4, there are four people"
    )
    parser.add_argument("--takes", type=int, default=1, help="clips of each person and action, 1 to 6")
    parser.add_argument("--folder", type=Path, help="where to work, and go on; a temporary folder otherwise")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        print(compared(options.folder or Path(folder), options.cross_fit, options.takes))


if __name__ == "__main__":
    main()
