"""The command line; no logic. What a command needs is imported inside it, so that --help answers at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli_cache import Dataset, Shell, cache_app, end
from cli_stages import Scheduler, Workers, stages_app

HOUSE = Path(__file__).resolve().parent
PROJECT = Path(os.environ.get("HARCACHE_PROJECT") or HOUSE)
"""Folder of params.yaml, data, weights and reports: the house itself unless HARCACHE_PROJECT says otherwise."""
REFUSED = 2
"""Exit status where nothing was done; 1 says that too many clips failed."""
TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM, as a shell gives it."""

app = typer.Typer(
    help="Raw recordings of people in, trustworthy feature caches and fusion heads out. "
    "`dvc repro` runs all stages; each command below runs one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
recipes_app = typer.Typer(help="Guard against stale results: recipes.lock.", no_args_is_help=True)
app.add_typer(recipes_app, name="recipes")
app.add_typer(stages_app)
app.add_typer(cache_app, name="cache")
pyskl_app = typer.Typer(help="Read and write skeletons as PYSKL's pickles.", no_args_is_help=True)
app.add_typer(pyskl_app, name="pyskl")
pose_app = typer.Typer(
    help="Pose estimation: what `index.pose` in params.yaml asks for.", no_args_is_help=True
)
app.add_typer(pose_app, name="pose")


@app.callback()
def _shell(context: typer.Context) -> None:
    context.obj = Shell(PROJECT, _explained)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns our errors, and the machine's, into a message and an exit status; no traceback."""
    from cache.errors import CacheError
    from cache.mount_check import advice
    from pipeline.errors import PipelineError

    before = signal.signal(signal.SIGTERM, _terminated)
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
        what_to_do = advice(error) if isinstance(error, OSError) else ""
        typer.secho(f"{type(error).__name__}: {error}{what_to_do}", fg=typer.colors.RED, err=True)
        raise typer.Exit(REFUSED) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(*_: object) -> None:
    """Leave through every `finally`: SIGTERM alone would leave half-written files for the next run to sweep."""
    typer.secho(
        "Terminated: whole shards stay, half-written ones are removed; run the same command again to go on",
        fg=typer.colors.RED,
        err=True,
    )
    raise SystemExit(TERMINATED)


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
def init(
    dataset: Dataset,
    adapter: Annotated[
        str, typer.Option(help="table for recordings of your own, or a dataset by name.")
    ] = "table",
    layout: Annotated[
        str | None, typer.Option(help="Of a table's joints, where their number does not tell.")
    ] = None,
) -> None:
    """Look at data/raw/NAME and write its preset into params.yaml, with comments; a table too, where there is none."""
    with _explained():
        from pipeline.paths import Paths
        from pipeline.setup import init as setup

        typer.echo(setup.init(Paths(PROJECT, dataset), adapter=adapter, layout=layout))


@app.command()
def summary(
    dataset: Dataset,
    others: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets of the benchmark's other splits: the mean is printed."),
    ] = None,
) -> None:
    """Print the accuracies of the last run, and the path of the report; of several runs, their mean."""
    with _explained():
        from pipeline.evaluation.printed import describe_results, mean_of_runs
        from pipeline.paths import Paths

        runs = [Paths(PROJECT, name) for name in (dataset, *(others or ()))]
        typer.echo(mean_of_runs(runs) if others else describe_results(runs[0]))


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A dataset or a folder of reports, and :method: demo:fused.")],
    second: Annotated[str, typer.Argument(help="The other, of the same run or another: demo:concatenation.")],
) -> None:
    """Compare two methods on the test clips that both have: paired interval and McNemar's test."""
    with _explained():
        from pipeline.evaluation import comparison

        one, other = (comparison.side_of(PROJECT / "reports", asked) for asked in (first, second))
        typer.echo(comparison.compare(one, other))


@app.command()
def extract(
    videos: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    backbone: Annotated[str, typer.Option(help="A network over video of `models`, or package.module:Class.")],
    out: Annotated[Path, typer.Option(help="Store to write, as features.zarr.")],
    weights: Annotated[Path | None, typer.Option(help="Its weights; untrained without.")] = None,
    kind: Annotated[str, typer.Option(help="Whose weights: harcache, torchvision_r3d_18, …")] = "harcache",
    cut: Annotated[list[str], typer.Option(help="Cut to store; repeat for several.")] = ["features"],  # noqa: B006
    views: Annotated[int, typer.Option(min=1, help="Number of windows sampled from each video.")] = 1,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Frames between sampled frames; default: spread over the video.")
    ] = None,
    max_failed: Annotated[float, typer.Option(help="Share of the videos that may fail.")] = 0.0,
    workers: Workers = 1,
    scheduler: Scheduler = None,
) -> None:
    """Extract features of videos through the same cache, without dataset, skeletons or DVC."""
    with _explained():
        from pipeline.build.runner import RunOptions
        from pipeline.keys.lock import recipes
        from pipeline.paths import Paths
        from stages.extract import Request, run

        request = Request(backbone, weights, kind, tuple(cut), views, stride)  # type: ignore[arg-type]
        recipes(HOUSE).check("extract", [request.part])
        cache = Paths(PROJECT, "extract").open_cache()
        done = run(videos, request, out, cache, RunOptions(workers, scheduler), max_failed=max_failed)
        end(done)


@app.command()
def enhance(
    dataset: Dataset,
    recipe: Annotated[str, typer.Option(help="Recipe of crop whose frames are too dark.")],
    out: Annotated[Path, typer.Option(help="Weights to write; a recipe's `enhance` names them.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training clips.")] = 200,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam.")] = 1e-4,
    seed: Annotated[int, typer.Option(help="Seed of the order of clips and the first weights.")] = 0,
) -> None:
    """Train night enhancement (Zero-DCE) on a dataset's own frames, without reference; crop then uses it."""
    with _explained():
        from models.night.zerodce_fit import EnhancerPlan
        from pipeline.build.runner import RunOptions
        from pipeline.paths import Paths
        from stages.enhance import run

        plan = EnhancerPlan(epochs=epochs, lr=lr, seed=seed)
        typer.echo(run(Paths(PROJECT, dataset), RunOptions(), recipe=recipe, out=out, plan=plan))


@app.command()
def export(
    backbone: Annotated[str, typer.Argument(help="A network of `models`, or package.module:Class.")],
    weights: Annotated[Path, typer.Option(help="Its weights, as `pretrain` writes them.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    kind: Annotated[str, typer.Option(help="Whose weights: harcache, torchvision_r3d_18, …")] = "harcache",
) -> None:
    """Write a backbone as ONNX, checked against torch; the file describes its input."""
    with _explained():
        from stages.export import run

        typer.echo(run(backbone, weights, out, kind=kind))  # type: ignore[arg-type]


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Print parameters and FLOPs of every network, counted from its module, beside the papers' figures."""
    with _explained():
        from models.figures import table
        from pipeline.skeleton.layouts import NTU_25

        rows = table.rows(NTU_25.bones, NTU_25.num_joints)
        typer.echo(table.as_json(rows) if as_json else table.as_text(rows))


@pyskl_app.command("export")
def pyskl_export(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="Pickle to write.")],
    joints: Annotated[str, typer.Option(help="2d (pixels) or 3d (metres).")] = "2d",
    half: Annotated[bool, typer.Option("--half", help="float16, as PYSKL's own files of pixels.")] = False,
) -> None:
    """Write an indexed dataset's skeletons, split by its protocol."""
    with _explained():
        from pipeline.exchange.pyskl_export import export_pyskl
        from pipeline.paths import Paths

        typer.echo(export_pyskl(Paths(PROJECT, dataset), out, joints=joints, half=half))  # type: ignore[arg-type]


@pyskl_app.command("import")
def pyskl_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="PYSKL's pickle.")],
    dataset: Annotated[str, typer.Argument(help="New dataset: the file goes to data/raw/NAME.")],
    layout: Annotated[str | None, typer.Option(help="Of the joints, where needed.")] = None,
) -> None:
    """Read a pickle without running any of it, place it as a dataset, and print a preset for params.yaml."""
    with _explained():
        from pipeline.exchange.pyskl_import import import_pyskl
        from pipeline.paths import Paths

        typer.echo(import_pyskl(file, Paths(PROJECT, dataset), layout=layout))


@pose_app.command("check")
def pose_check() -> None:
    """Say whether mmpose and rtmlib work here: networks with known answers, no weights needed."""
    with _explained():
        from models.pose.check import check_engines

        lines, works = check_engines()
        typer.echo("\n".join(lines))
        raise typer.Exit(0 if works else REFUSED)


@pose_app.command("export")
def pose_export(
    dataset: Dataset,
    to: Annotated[Path, typer.Option(help="Folder for a netCDF file a clip.")],
    clip: Annotated[list[str] | None, typer.Option(help="Clip id; repeatable; default: all.")] = None,
) -> None:
    """Write an indexed dataset's joints in pixels as movement's datasets of poses."""
    with _explained():
        from pipeline.exchange.movement_export import export_poses
        from pipeline.paths import Paths

        typer.echo(export_poses(Paths(PROJECT, dataset), to, clip))


@recipes_app.command("check")
def recipes_check() -> None:
    """Say whether any step's code changed while its version did not."""
    with _explained():
        from pipeline.build.steps import STEPS
        from pipeline.keys.lock import recipes

        house = recipes(HOUSE)
        for step in STEPS:
            house.check(step, house.parts())
        typer.echo(f"recipes.lock agrees with the code of {len(STEPS)} steps and {len(house.parts())} parts")


@recipes_app.command("bless")
def recipes_bless() -> None:
    """Record the present code in recipes.lock: for changes that leave every result as it was."""
    with _explained():
        from pipeline.keys.lock import recipes

        changed = recipes(HOUSE).bless()
        typer.echo(f"recipes.lock: {', '.join(changed) if changed else 'nothing'} changed; commit it")


if __name__ == "__main__":
    app()
