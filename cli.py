"""One command a stage; no logic. Stages are imported inside the commands, so that --help answers at once."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

HOUSE = Path(__file__).resolve().parent
PROJECT = Path(os.environ.get("HARCACHE_PROJECT") or HOUSE)
"""Folder of params.yaml, data, weights and reports: the house itself unless HARCACHE_PROJECT says otherwise."""
REFUSED = 2
"""Exit status where nothing was done; 1 says that too many clips failed."""

app = typer.Typer(
    help="Raw recordings of people in, trustworthy feature caches and fusion heads out. "
    "`dvc repro` runs all stages; each command below runs one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
recipes_app = typer.Typer(help="The tripwire against stale results: recipes.lock.", no_args_is_help=True)
app.add_typer(recipes_app, name="recipes")

Dataset = Annotated[str, typer.Argument(help="Name of the dataset: its recordings lie in data/raw/NAME.")]
PresetName = Annotated[
    str | None,
    typer.Option("--preset", help="Section of params.yaml under `presets`; default: the dataset's name."),
]
Workers = Annotated[
    int,
    typer.Option(envvar="HARCACHE_WORKERS", min=1, help="Processes on this machine; results stay the same."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(envvar="HARCACHE_SCHEDULER", help="Address of a running dask scheduler, tcp://HOST:PORT."),
]


@contextmanager
def _explained() -> Iterator[None]:
    """Turns our errors, and the machine's, into a message and an exit status; no traceback."""
    from cache.errors import CacheError
    from pipeline.errors import PipelineError

    wanted: tuple[type[BaseException], ...] = (CacheError, PipelineError, OSError)
    try:
        from models.errors import ModelError

        wanted = (*wanted, ModelError)
    except ImportError:  # torch is not installed: stages that need it say so themselves
        pass
    try:
        yield
    except wanted as error:
        if os.environ.get("HARCACHE_TRACEBACK"):
            raise
        typer.secho(f"{type(error).__name__}: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(REFUSED) from error


def _run(stage: str, dataset: str, preset: str | None, workers: int, scheduler: str | None) -> None:
    """Check the recipes, read the params, run `stages.<stage>.run`, print its summary."""
    with _explained():
        from importlib import import_module

        from pipeline.paths import Paths
        from pipeline.presets import load_preset
        from pipeline.runner import RunOptions
        from pipeline.steps import STEPS, recipes

        paths = Paths(PROJECT, dataset)
        if stage in STEPS:
            recipes(HOUSE).check(stage)
        run: Callable[..., object] = import_module(f"stages.{stage}").run
        summary = run(paths, load_preset(paths.params, preset or dataset), RunOptions(workers, scheduler))
        typer.echo(summary)
        raise typer.Exit(getattr(summary, "exit_code", 0))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to write the recordings into.")],
    seed: Annotated[int, typer.Option(help="Same seed, same skeletons, byte for byte.")] = 0,
    workers: Workers = 1,
) -> None:
    """Draw the demo dataset: acting people in NTU RGB+D's form, with known ceilings for each modality."""
    with _explained():
        from pipeline.demo import make_demo

        typer.echo(make_demo(folder, seed=seed, workers=workers))


@app.command()
def index(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """List the clips, read their skeletons, count their frames, hash their files: catalog.parquet, skeletons.zarr."""
    _run("index", dataset, preset, workers, scheduler)


@app.command()
def sample(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Choose which frames each recipe looks at: samples.zarr."""
    _run("sample", dataset, preset, workers, scheduler)


@app.command()
def crop(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Decode each video once and cut its people out of the chosen frames: frames.zarr."""
    _run("crop", dataset, preset, workers, scheduler)


@app.command()
def heatmaps(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Render joints as Gaussian pseudo-heatmaps: heatmaps.zarr."""
    _run("heatmaps", dataset, preset, workers, scheduler)


@app.command()
def pretrain(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Train one backbone a modality, choosing epochs on held-out people: weights/NAME/backbones."""
    _run("pretrain", dataset, preset, workers, scheduler)


@app.command()
def features(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Run the frozen backbones over every clip: features.zarr."""
    _run("features", dataset, preset, workers, scheduler)


@app.command()
def train(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Train the fusion heads on cached features and test them: metrics.json, predictions.parquet."""
    _run("train", dataset, preset, workers, scheduler)


@app.command()
def report(
    dataset: Dataset, preset: PresetName = None, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Write the page that shows it all: reports/NAME/index.html."""
    _run("report", dataset, preset, workers, scheduler)


@app.command()
def summary(dataset: Dataset) -> None:
    """Print the accuracies of the last run, and where the report lies."""
    with _explained():
        from pipeline.paths import Paths
        from pipeline.results import describe_results

        typer.echo(describe_results(Paths(PROJECT, dataset)))


@recipes_app.command("check")
def recipes_check() -> None:
    """Say whether any step's code changed while its version did not."""
    with _explained():
        from pipeline.steps import STEPS, recipes

        for step in STEPS:
            recipes(HOUSE).check(step)
        typer.echo(f"recipes.lock agrees with the code of {len(STEPS)} steps")


@recipes_app.command("bless")
def recipes_bless() -> None:
    """Record the code as it is: for changes that leave every result as it was."""
    with _explained():
        from pipeline.steps import recipes

        changed = recipes(HOUSE).bless()
        typer.echo(f"recipes.lock: {', '.join(changed) if changed else 'nothing'} changed; commit it")


if __name__ == "__main__":
    app()
