"""The commands of the graph, one a stage of dvc.yaml, and `table`, which runs them for a table of a paper.

Each imports its own stage, so that --help answers at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli_cache import Dataset, PresetName, Shell, end

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
    from pipeline.params.presets import sound_params
    from pipeline.paths import Paths
    from pipeline.planning.other_params import other_params

    paths = Paths(asked.shell.project, asked.dataset)
    params = sound_params(paths, asked.preset or asked.dataset, _mistakes_in)
    _check_recipes(stage, params, remember_in=paths.open_cache().root)
    if note := other_params(paths, params, stage):
        typer.echo(note, err=True)
    end(run(paths, params, RunOptions(asked.workers, asked.scheduler), **more))


def _mistakes_in(preset: Any) -> Any:
    """Names and options that only networks can refuse."""
    from stages.load_params import mistakes_in  # imports torch: seconds

    return mistakes_in(preset)


def _check_recipes(stage: str, params: Any, *, remember_in: Path | None = None) -> None:
    """Refuse a stage whose code changed while its version did not."""
    from cache.answers import Answers
    from pipeline.build.steps import STEPS
    from pipeline.keys.lock import check_code
    from pipeline.params.parts import parts_in_use

    if stage in STEPS:
        check_code(stage, parts_in_use(stage, params), Answers(remember_in))


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


@_command
def quality() -> Run:
    """Say what is missing, short, empty, doubled, swapped or out of step in an indexed dataset; writes nothing."""
    from pipeline.quality.quality import run

    return run


@_command
def saliency() -> Run:
    """Say which body parts the trained networks look at, on test clips, beside chance; writes nothing."""
    from stages.saliency import run

    return run


@stages_app.command()
def look(
    context: typer.Context,
    dataset: Dataset,
    clips: Annotated[
        list[str] | None, typer.Argument(help="Clip ids; default: those that the report shows.")
    ] = None,
    preset: PresetName = None,
    video: Annotated[
        bool, typer.Option(help="Show frames and crops; without, joints and heatmaps alone.")
    ] = True,
    neighbours: Annotated[int, typer.Option(min=0, help="Nearest clips of each modality beside a clip.")] = 3,
    save: Annotated[
        Path | None, typer.Option(help="Write this .rrd file instead of opening a viewer.")
    ] = None,
) -> None:
    """Look at clips in rerun: video, joints in 2-D and 3-D, heatmaps, crops, scores, predictions, neighbours."""
    with context.obj.explained():
        from pipeline.look.look import look as show
        from pipeline.params.presets import sound_params
        from pipeline.paths import Paths

        paths = Paths(context.obj.project, dataset)
        params = sound_params(paths, preset or dataset, _mistakes_in)
        typer.echo(show(paths, params, clips or (), video=video, neighbours=neighbours, save=save))


@stages_app.command()
def plan(
    context: typer.Context,
    dataset: Dataset,
    preset: PresetName = None,
    probe: Annotated[
        bool, typer.Option(help="Try a few clips and networks, to tell how long a run takes.")
    ] = True,
    workers: Workers = 1,
) -> None:
    """Say what `dvc repro` would make, take from the cache, write and need, and what would stop it: status 1."""
    with context.obj.explained():
        from pipeline.build.runner import RunOptions
        from pipeline.paths import Paths
        from stages.load_params import load_params
        from stages.plan import run

        paths, options = Paths(context.obj.project, dataset), RunOptions(workers)
        end(run(paths, preset or dataset, load_params, _stage, _check_recipes, options, probe=probe))


def _stage(name: str) -> Any:
    """The module of a stage, imported by its name."""
    from importlib import import_module

    return import_module(f"stages.{name}")


@stages_app.command()
def table(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A table of a paper, as amfi-3; docs/tables.md lists them.")],
    dataset: Annotated[
        str | None, typer.Option(help="Dataset; default: the one that params.yaml names.")
    ] = None,
    preset: PresetName = None,
    scale: Annotated[
        Literal["small", "paper"], typer.Option(help="Sizes and plans: the preset's, or the paper's.")
    ] = "small",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of every row.")] = 3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say the cost; compute and train nothing.")
    ] = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
) -> None:
    """Run a table of a paper and print it as Markdown, ours beside the printed figures: reports/NAME/tables."""
    with context.obj.explained():
        from pipeline.build.runner import RunOptions
        from pipeline.params.presets import chosen
        from pipeline.paths import Paths
        from pipeline.tables.papers.names import table_of
        from pipeline.tables.run import Request, run_table
        from stages.load_params import load_params

        project, wanted = context.obj.project, table_of(name)
        dataset, preset = chosen(Paths(project, "").params, dataset, preset)
        paths, asked = Paths(project, dataset), Request(wanted, dataset, preset, scale, seeds)
        params, options = load_params(paths.params, preset), RunOptions(workers, scheduler)
        typer.echo(run_table(paths, params, asked, _house(), options, _aside, dry_run=dry_run))


def _aside(line: str) -> None:
    """Say something beside the result."""
    typer.echo(line, err=True)


def _house() -> Any:
    """What `table` needs of the floors above pipeline."""
    from models.figures import table as figures
    from pipeline.skeleton.layouts import NTU_25
    from pipeline.tables.run import House
    from stages.load_params import mistakes_in

    return House(
        module=_stage,
        check=mistakes_in,
        ready=_check_recipes,
        counted=lambda: figures.rows(NTU_25.bones, NTU_25.num_joints),
    )
