"""Results as text: of one run, and the mean over runs, as UCF101, HMDB51 and ARID report that of their three splits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import DatasetError
from pipeline.evaluation.metrics import differences, scores
from pipeline.evaluation.results import LEAKS, NO_HEADS, read_metrics
from pipeline.paths import Paths


def describe_results(paths: Paths) -> str:
    """Format the accuracies of metrics.json as lines of text, with the report's path."""
    path = paths.reports / "metrics.json"
    if not path.exists():
        raise DatasetError(
            f"{path} is not there; make it first: dvc repro, or python cli.py train {paths.dataset}"
        )
    document = read_metrics(path)
    if document.get("heads") == NO_HEADS:
        return f"{document['dataset']}, {document['protocol']}: {NO_HEADS}, so no head was fitted"
    lines = [
        f"{document['dataset']}, {document['protocol']}: test accuracy in per cent, seeds {document['seeds']}"
    ]
    width = max(16, *(len(score.method) for score in scores(document)))
    for score in scores(document):
        spread = "one seed" if score.std is None else f"± {score.std:.1f}"
        lines.append(
            f"  {score.method:{width}} {score.mean:5.1f} {spread:8} [{score.interval[0]:.1f}, {score.interval[1]:.1f}]"
        )
    for line in differences(document):
        lines.append(
            f"  {line.method} minus {line.than}: {line.mean:+.1f} [{line.interval[0]:+.1f}, {line.interval[1]:+.1f}]"
        )
    if known := document.get("out_of_fold"):
        each = ", ".join(f"{method} {one['mean']:.1f}" for method, one in known.items())
        lines.append(f"  training clips, by networks that had not seen them: {each}")
    if document.get("selected_on") == LEAKS:
        lines.append("  selected on the test clips, as the papers do: every figure above leaks")
    lines.append(f"report: {paths.reports / 'index.html'}")
    return "\n".join(lines)


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
