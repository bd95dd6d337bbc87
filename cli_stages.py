"""The commands of the graph, one a stage of dvc.yaml; each imports its own stage, so that --help answers at once."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from cli_cache import Dataset, PresetName, Shell, end

HOUSE = Path(__file__).resolve().parent

stages_app = typer.Typer()

Workers = Annotated[
    int,
    typer.Option(envvar="HARCACHE_WORKERS", min=1, help="Processes on this machine; results stay the same."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(envvar="HARCACHE_SCHEDULER", help="Address of a running dask scheduler, tcp://HOST:PORT."),
]


@dataclass(frozen=True)
class _Asked:
    """What every stage is asked with."""

    shell: Shell
    dataset: str
    preset: str | None
    workers: int
    scheduler: str | None


def _run(asked: _Asked, stage: str, **more: bool) -> None:
    """Read the params, check the recipes, run the stage, print its summary."""
    run = import_module(f"stages.{stage}").run
    from pipeline.build.runner import RunOptions
    from pipeline.build.steps import STEPS
    from pipeline.keys.lock import recipes
    from pipeline.params.parts import parts_in_use
    from pipeline.paths import Paths
    from stages.load_params import load_params

    paths = Paths(asked.shell.project, asked.dataset)
    params = load_params(paths.params, asked.preset or asked.dataset)
    if stage in STEPS:
        recipes(HOUSE).check(stage, parts_in_use(stage, params))
    end(run(paths, params, RunOptions(asked.workers, asked.scheduler), **more))


@stages_app.command()
def index(
    context: typer.Context,
    dataset: Dataset,
    preset: PresetName = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse sides that share recordings or people.")
    ] = False,
) -> None:
    """List the clips, read their skeletons, count their frames, hash their files: catalog.parquet, skeletons.zarr."""
    with context.obj.explained():
        _run(_Asked(context.obj, dataset, preset, workers, scheduler), "index", strict=strict)


def _command(stage: str, told: str) -> None:
    """Add the command of a stage that is asked with nothing of its own; --help says `told`."""

    def command(
        context: typer.Context,
        dataset: Dataset,
        preset: PresetName = None,
        workers: Workers = 1,
        scheduler: Scheduler = None,
    ) -> None:
        with context.obj.explained():
            _run(_Asked(context.obj, dataset, preset, workers, scheduler), stage)

    stages_app.command(stage, help=told)(command)


for _stage, _told in {
    "sample": "Choose which frames each recipe looks at: samples.zarr.",
    "crop": "Decode each video once and cut its people out of the chosen frames: frames.zarr.",
    "heatmaps": "Render joints as Gaussian pseudo-heatmaps: heatmaps.zarr.",
    "pretrain": "Train one backbone a modality, choosing epochs on held-out people: weights/NAME/backbones.",
    "features": "Run the frozen backbones over every clip: features.zarr.",
    "train": "Train the fusion heads on cached features and test them: metrics.json, predictions.parquet.",
    "report": "Write the page that shows it all: reports/NAME/index.html.",
}.items():
    _command(_stage, _told)
