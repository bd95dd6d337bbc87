"""The commands under `python cli.py cache`; no logic. What they need of cli.py comes with typer's context."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


@dataclass(frozen=True)
class Shell:
    """The project folder, and the handling of errors, that cli.py hands to the cache's commands."""

    project: Path
    """Folder of params.yaml, data and weights."""
    explained: Callable[[], AbstractContextManager[None]]
    """Turns our errors into a message and an exit status."""

    def job(self, stage: str, dataset: str, preset: str | None = None, workers: int = 1) -> Any:
        """The `StoreJob` that a stage would build now: its rows and what each is made of. Computes no clip.

        `stage` is what a store says of itself, so it is imported by its name.
        """
        from importlib import import_module

        from pipeline.build.runner import RunOptions
        from pipeline.params.presets import load_preset
        from pipeline.paths import Paths

        paths = Paths(self.project, dataset)
        return import_module(f"stages.{stage}").plan(
            paths, load_preset(paths.params, preset or dataset), RunOptions(workers)
        )


cache_app = typer.Typer(
    help="Inspect, verify, repair, compare and share stores and the cache: .harcache, or where HARCACHE_DIR says. "
    "HARCACHE_SHARED names a lab's cache below it, which is only read.",
    no_args_is_help=True,
)

Stores = Annotated[
    list[Path] | None, typer.Argument(help="Stores; default: every store of the project, data/*/*.zarr.")
]
Dataset = Annotated[str, typer.Argument(help="Name of the dataset: its recordings lie in data/raw/NAME.")]
Remote = Annotated[
    str | None, typer.Option(help="A remote of `dvc remote list`; default: the one set up as default.")
]
PresetName = Annotated[
    str | None,
    typer.Option("--preset", help="Section of params.yaml under `presets`; default: the dataset's name."),
]


def end(result: object) -> None:
    """Print what came of it, and leave with its exit status."""
    typer.echo(result)
    raise typer.Exit(getattr(result, "exit_code", 0))


@cache_app.command("ls")
def ls(context: typer.Context) -> None:
    """List the stores and what the cache holds: rows, shards, size, share from cache, who made it and when."""
    with context.obj.explained():
        from pipeline.upkeep.stores import listed

        end(listed(context.obj.project))


@cache_app.command("why")
def why(
    context: typer.Context,
    clip: Annotated[str, typer.Argument(help="A clip's id, as in catalog.parquet.")],
    dataset: Annotated[str | None, typer.Option(help="Its dataset; default: every one that has it.")] = None,
    array: Annotated[str | None, typer.Option(help="One array, as r16 or video_0; default: all.")] = None,
    preset: PresetName = None,
) -> None:
    """Tell what a clip's entries were made of; where present params or files ask for others, the difference."""
    shell: Shell = context.obj
    with shell.explained():
        from pipeline.upkeep.why import explained

        end(explained(shell.project, clip, dataset, array, preset, shell.job))


@cache_app.command("verify")
def verify(context: typer.Context, stores: Stores = None) -> None:
    """Check every byte of stores, or of all stores and the whole cache; lists all that is damaged, status 1."""
    with context.obj.explained():
        from pipeline.upkeep.stores import verified

        end(verified(context.obj.project, stores))


@cache_app.command("repair")
def repair(context: typer.Context, stores: Stores = None, preset: PresetName = None) -> None:
    """Mend what `verify` finds: linked from the cache, else taken from DVC's cache, else only that computed."""
    shell: Shell = context.obj
    with shell.explained():
        from pipeline.upkeep.stores import repaired

        end(repaired(shell.project, stores, preset, shell.job))


@cache_app.command("adopt")
def adopt(context: typer.Context, stores: Stores = None) -> None:
    """Take the shards of pulled or imported stores into the cache, and pulled weights too; verified first."""
    with context.obj.explained():
        from pipeline.upkeep.stores import adopted

        end(adopted(context.obj.project, stores))


@cache_app.command("gc")
def gc(
    context: typer.Context,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove it; without this option it is only listed.")
    ] = False,
    days: Annotated[float, typer.Option(min=0, help="Keep whatever is younger.")] = 7.0,
) -> None:
    """Remove what no store and no weights need: shards, learned blobs, work left lying, damaged files."""
    with context.obj.explained():
        from pipeline.upkeep.stores import collected

        end(collected(context.obj.project, delete=delete, days=days))


@cache_app.command("diff")
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="A store's folder, or with --of a version, as 1.0.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    of: Annotated[
        str | None, typer.Option(help="Where `publish` put the store: compares two of its versions.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say how two stores differ: clips, parameters, weights, contents; status 1 where they do."""
    with context.obj.explained():
        from cache.exchange.diff import diff_stores
        from pipeline.exchange.versions import diff_versions

        found = diff_stores(Path(a), Path(b)) if of is None else diff_versions(of, a, b)
        typer.echo(json.dumps(found.document(), indent=1) if as_json else found)
        raise typer.Exit(found.exit_code)


@cache_app.command("export")
def export(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A store's folder.")],
    out: Annotated[
        Path, typer.Argument(help="File to write: .zip (Zarr, `import`), .h5, .parquet or .safetensors.")
    ],
    array: Annotated[
        list[str] | None, typer.Option(help="An array that is wanted, as video_0; repeatable; default: all.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="SPDX identifier, or a file with the terms, for the file's card.")
    ] = None,
) -> None:
    """Write a store as one file, every byte of it checked on the way."""
    with context.obj.explained():
        from cache.exchange.export import export_store
        from pipeline.exchange.licences import licence_of

        terms = {} if licence is None else {"license": licence_of(licence, None).attributes()["license"]}
        typer.echo(export_store(store, out, array, terms))


@cache_app.command("publish")
def publish(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A store's folder.")],
    to: Annotated[
        str, typer.Option(help="Folder, s3://BUCKET/PATH or hf://datasets/USER/NAME for this store alone.")
    ],
    licence: Annotated[
        str | None, typer.Option(help="SPDX identifier, as CC-BY-4.0, or a file with the terms; needed.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="Name of this version, as 1.1; default: the last, raised where it changed."),
    ] = None,
    creator: Annotated[
        list[str] | None, typer.Option(help="Who made it; repeatable; for its citation.")
    ] = None,
    publisher: Annotated[str | None, typer.Option(help="Who publishes it; for DataCite.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Page on this release; default: the recordings' own page.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Title of this release; default: features of the recordings' title.")
    ] = None,
) -> None:
    """Publish a store with licence, dataset card and croissant.json; sends only what is not there yet."""
    with context.obj.explained():
        from pipeline.exchange.publishing import publish as publish_store

        release = {"version": version, "url": url, "publisher": publisher, "title": title}
        typer.echo(publish_store(store, to, licence=licence, creators=tuple(creator or ()), **release))


@cache_app.command("import")
def import_(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A zip, a store's folder, or an http(s) address of either.")],
    to: Annotated[Path, typer.Option(help="Path of the new store, as data/demo/features.zarr.")],
    adopt: Annotated[bool, typer.Option(help="Take its shards into the cache too.")] = True,
    digest: Annotated[
        str | None, typer.Option(help="Expected digest, as the store's publisher states it.")
    ] = None,
) -> None:
    """Place a store that came from elsewhere; all of it is checked before any of it is trusted."""
    with context.obj.explained():
        from pipeline.exchange.sharing import import_into

        typer.echo(import_into(context.obj.project, source, to, adopt=adopt, digest=digest))


@cache_app.command("merge")
def merge(
    context: typer.Context,
    stores: Annotated[list[Path], typer.Argument(exists=True, file_okay=False, help="Two stores or more.")],
    to: Annotated[Path, typer.Option(help="Store to write.")],
) -> None:
    """Merge stores of one recipe; a clip in several of them must be the same, or is refused by name."""
    with context.obj.explained():
        from cache.exchange.merge import merge_stores

        typer.echo(merge_stores(stores, to))


@cache_app.command("push")
def push(context: typer.Context, dataset: Dataset, remote: Remote = None) -> None:
    """Send a dataset's stores and weights to a DVC remote: `dvc push` of what its stages wrote."""
    _transport(context, "push", dataset, remote)


@cache_app.command("pull")
def pull(context: typer.Context, dataset: Dataset, remote: Remote = None) -> None:
    """Fetch a dataset's stores and weights from a DVC remote: `dvc pull` of what dvc.lock names."""
    _transport(context, "pull", dataset, remote)


def _transport(
    context: typer.Context, what: Literal["push", "pull"], dataset: str, remote: str | None
) -> None:
    shell: Shell = context.obj
    with shell.explained():
        from pipeline.exchange.transport import transport
        from pipeline.paths import Paths

        typer.echo(transport(Paths(shell.project, dataset), what, remote))
