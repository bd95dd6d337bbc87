"""Mean over runs of one benchmark, as UCF101, HMDB51 and ARID report the mean of their three splits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import DatasetError
from pipeline.evaluation.metrics import scores
from pipeline.evaluation.results import read_metrics
from pipeline.paths import Paths


def mean_of_runs(runs: Sequence[Paths]) -> str:
    """Format, for each method that every run has, the mean of the runs' accuracies beside each one's.

    Raises DatasetError where a run has no metrics.json, or two are of one protocol.
    """
    documents: list[Mapping[str, Any]] = []
    for paths in runs:
        path = paths.reports / "metrics.json"
        if not path.exists():
            raise DatasetError(f"{path} is not there; make it first: python cli.py train {paths.dataset}")
        documents.append(read_metrics(path))
    protocols = [str(document["protocol"]) for document in documents]
    if twice := [name for name, count in Counter(protocols).items() if count > 1]:
        raise DatasetError(
            f"{', '.join(paths.dataset for paths in runs)}: {twice[0]!r} is the protocol of two of them; "
            "name one run a split"
        )
    found = [{score.method: score.mean for score in scores(document)} for document in documents]
    shared = [method for method in found[0] if all(method in one for one in found)]
    width = max(map(len, shared), default=0)
    lines = [f"mean of {', '.join(protocols)}: test accuracy in per cent, each run's mean over its seeds"]
    for method in shared:
        means = [one[method] for one in found]
        each = ", ".join(f"{mean:.1f}" for mean in means)
        lines.append(f"  {method:{width}} {sum(means) / len(means):5.1f}  ({each})")
    return "\n".join(lines)
