"""The commands of the graph, one a stage of dvc.yaml; each imports its own stage, so that --help answers at once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli_cache import Dataset, PresetName, Shell, end

HOUSE = Path(__file__).resolve().parent

stages_app = typer.Typer()

Run = Callable[..., object]
"""A stage's `run`: gives the summary that is printed."""

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


def _run(asked: _Asked, stage: str, run: Run, **more: bool) -> None:
    """Read the params, check the recipes, run the stage, print its summary."""
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
        from stages.index import run

        _run(_Asked(context.obj, dataset, preset, workers, scheduler), "index", run, strict=strict)


def _command(load: Callable[[], Run]) -> Callable[[], Run]:
    """Add the command of a stage without options of its own; `load` imports it, and has its name and help."""
    stage = load.__name__

    def command(
        context: typer.Context,
        dataset: Dataset,
        preset: PresetName = None,
        workers: Workers = 1,
        scheduler: Scheduler = None,
    ) -> None:
        with context.obj.explained():
            _run(_Asked(context.obj, dataset, preset, workers, scheduler), stage, load())

    stages_app.command(stage, help=load.__doc__)(command)
    return load


@_command
def sample() -> Run:
    """Choose which frames each recipe looks at: samples.zarr."""
    from stages.sample import run

    return run


@_command
def crop() -> Run:
    """Decode each video once and cut its people out of the chosen frames: frames.zarr."""
    from stages.crop import run

    return run


@_command
def heatmaps() -> Run:
    """Render joints as Gaussian pseudo-heatmaps: heatmaps.zarr."""
    from stages.heatmaps import run

    return run


@_command
def pretrain() -> Run:
    """Train one backbone a modality, choosing epochs on held-out people: weights/NAME/backbones."""
    from stages.pretrain import run

    return run


@_command
def features() -> Run:
    """Run the frozen backbones over every clip: features.zarr."""
    from stages.features import run

    return run


@_command
def train() -> Run:
    """Train the fusion heads on cached features and test them: metrics.json, predictions.parquet."""
    from stages.train import run

    return run


@_command
def report() -> Run:
    """Write the page that shows it all: reports/NAME/index.html."""
    from stages.report import run

    return run
