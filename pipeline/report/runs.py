"""This run beside others on the clips that they share: other presets, other datasets' names, or runs of before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.comparison import Comparison, Side, compare, side_of
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.results import main_method


@dataclass(frozen=True, slots=True)
class RunBeside:
    """Another run, compared on the test clips that both have."""

    name: str
    """Dataset or folder, and method, as it was asked for."""
    comparison: Comparison
    """This run first, the other second: differences are this one minus the other."""


def runs_beside(reports: Path, dataset: str, own: Predictions, asked: Sequence[str]) -> list[RunBeside]:
    """Compare a run's own fusion, or its one modality, with each of the runs `asked`.

    `asked` names runs as `pipeline.evaluation.comparison.side_of` reads them: a dataset or a folder of reports, with
    `:method` behind it. Raises DatasetError where one is not there, or shares no clip, or has other labels.
    """
    method = main_method(own)
    first = Side(f"{dataset}:{method}", method, own)
    sides = [side_of(reports, name) for name in asked]
    return [RunBeside(side.name, compare(first, side)) for side in sides]
