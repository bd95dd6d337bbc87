"""The run that `dvc repro` itself would make: of the dataset and preset that params.yaml names."""

from collections.abc import Iterator

from pipeline.errors import ParamError
from pipeline.params.presets import chosen
from pipeline.paths import Paths


def runner(paths: Paths) -> str:
    """Return words for what runs the stages here: DVC, or their commands one by one where there is no graph."""
    return "`dvc repro`" if (paths.root / "dvc.yaml").exists() else "the stages, run one by one,"


def graph_notes(paths: Paths, preset: str) -> Iterator[str]:
    """Yield how the plan's run is started, where plain `dvc repro` would run something else, or nothing."""
    if not (paths.root / "dvc.yaml").exists():
        yield f"{paths.root} has no dvc.yaml: run the stages one by one"
        return
    try:
        named = chosen(paths.params, None, None)
    except ParamError as error:
        yield str(error)
        return
    if named != (paths.dataset, preset):
        yield (
            f"params.yaml names dataset {named[0]}, preset {named[1]}: `dvc exp run --set-param dataset={paths.dataset}"
            f" --set-param preset={preset}` runs this one"
        )
