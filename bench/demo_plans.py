"""Plans for the demo's heads, compared on training subjects that their backbones never saw; no test clip is read.

    python cli.py demo data/raw/demo && dvc repro features
    python bench/demo_plans.py                    some minutes
    python bench/demo_plans.py --seeds 10

Backbones are those of the selection run: `pretrain.hold_out` kept whole subjects from them. Each head learns their
features of the other subjects, by every plan to its last epoch, and answers for the subjects held out. Prints Markdown:
accuracy in per cent, the mean over the heads' seeds. One plan serves all heads of a preset, so the choice is the plan
with the best mean over the heads, never that of one head; `amfi@…` are its options under each plan.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.device import use_cores
from pipeline.build.pinned import pinned
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.inputs.out_of_fold import cross_fitted, features_there
from pipeline.params.backbones import TrainingPlan
from pipeline.paths import Paths
from pipeline.training.splits import SplitParts, tested_parts
from stages.load_params import load_params
from stages.train import HeadTraining

if TYPE_CHECKING:
    from pipeline.params.params import Preset

PLANS: tuple[dict[str, Any], ...] = (
    {"epochs": 12, "batch": 32, "lr": 0.05, "grad_clip": None},
    {"epochs": 60, "batch": 16, "lr": 0.05, "grad_clip": None},
    {"epochs": 60, "batch": 16, "lr": 0.1, "grad_clip": 1.0},
    {"epochs": 60, "batch": 16, "lr": 0.2, "grad_clip": 1.0},
    {"epochs": 120, "batch": 16, "lr": 0.2, "grad_clip": 1.0},
)
"""Changes of the preset's `train.plan`; without a clip, products of features diverge from lr 0.1 on."""

OPTIONS: dict[str, dict[str, Any]] = {
    "amfi": {"lambda_gate": 1.5},
    "amfi@lambda_0": {"lambda_gate": 0.0},
    "amfi@modality_token": {"lambda_gate": 0.0, "association": "modality_token"},
}
HEADS = ("video", "skeleton", "average", "multiplication", "max", "concatenation", *OPTIONS)


def changed(preset: "Preset", plan: dict[str, Any], seeds: int) -> "Preset":
    """The preset with another plan of its heads, our options and so many seeds."""
    train = preset.train.model_copy(
        update={
            "plan": TrainingPlan(**{**preset.train.plan.model_dump(), **plan}),
            "options": OPTIONS,
            "seeds": tuple(range(seeds)),
        }
    )
    return preset.model_copy(update={"train": train})


def held_out_accuracy(training: HeadTraining, parts: SplitParts) -> float:
    """Per cent of the held-out clips that heads trained to the last epoch answer right, the mean over their seeds."""
    labels = training.catalog.labels(parts.select)
    found = []
    for seed in training.params.seeds:
        fitting = training.fitting(seed, selection=True)
        with TemporaryDirectory() as folder:
            files = fitting.fit(Path(folder), seed, parts.fit, (), epochs=training.params.plan.epochs)
        answers = fitting.probabilities(files["weights.pt"], seed, parts.select).argmax(axis=1)
        found.append(100 * float((answers == labels).mean()))
    return fmean(found)


def row(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Train every head by every plan, and print what each reaches on the subjects held out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="of the heads")
    parser.add_argument("--project", type=Path, default=Path(), help="its folder; the present one")
    options = parser.parse_args()
    use_cores(1)
    paths = Paths(options.project, "demo")
    preset = load_params(paths.params, "demo")
    catalog = opened_catalog(paths.catalog)
    features = opened_store(paths.store("features"))
    inputs = pinned(paths.catalog, paths.store("features"))
    parts = tested_parts(catalog, features_there(features), preset.pretrain)
    print(f"{len(parts.select)} clips of training subjects held out, {len(parts.fit)} fitted\n")
    print(row(["epochs", "batch", "lr", "clip", *HEADS, "mean"]))
    print(row(["---"] * (len(HEADS) + 5)))
    for plan in PLANS:
        with_plan = changed(preset, plan, options.seeds)
        crossed = cross_fitted(paths, with_plan, features, inputs)
        found = [
            held_out_accuracy(HeadTraining(paths, with_plan, catalog, head, inputs, crossed), parts)
            for head in HEADS
        ]
        print(row([*map(str, plan.values()), *(f"{one:.1f}" for one in (*found, fmean(found)))]), flush=True)


if __name__ == "__main__":
    main()
