"""Tables of the page: plain ones, confusion matrices, bars of classes, and all pairs of methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.report.by_class import ClassAccuracies
from pipeline.report.html.numbers import MINUS, edges, points
from pipeline.report.pairs import Pairs
from pipeline.report.runs import RunBeside
from pipeline.shown import ShownByShape

DEEP = 55
"""Share in per cent from which a cell is so dark that its number is light."""

WIDE_CLASSES = 14
"""More classes than these take a row of the page to themselves."""


@dataclass(frozen=True, slots=True, repr=False)
class Confusion(ShownByShape):
    """Confusion matrix of one method, over all its seeds."""

    method: str
    counts: NDArray[np.int64]
    """(K, K) test clips by true class (row) and predicted class (column)."""


@dataclass(frozen=True, slots=True, repr=False)
class ByClass(ShownByShape):
    """Accuracies by class of some methods."""

    counts: NDArray[np.int64]
    """(K,) test clips of each class."""
    methods: Mapping[str, ClassAccuracies]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, text: bool = False) -> str:
    """Return a table whose cells come escaped, the first of each row its heading. `text`: words, not numbers."""
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    look = ' class="words"' if text else ""
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}"><table{look}>'
        f"<caption>{escape(caption)}</caption>"
        f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def confusion_table(found: Confusion, names: Sequence[str]) -> str:
    """Return a matrix whose rows (true classes) add up to 100 %; a cell is a button that lists its clips."""
    shares = 100 * found.counts / np.maximum(found.counts.sum(axis=1, keepdims=True), 1)
    columns = "".join(
        f'<th scope="col" title="{escape(name)}"><span>{number}</span></th>'
        for number, name in enumerate(names)
    )
    lines = "".join(
        f'<tr data-label="{row}"><th scope="row">{escape(names[row])} <span>{row}</span></th>'
        + "".join(_cell(count, share, place) for place, (count, share) in enumerate(zip(*line, strict=True)))
        + "</tr>"
        for row, line in enumerate(zip(found.counts, shares, strict=True))
    )
    caption = f"{found.method}: true classes down, predicted across, in per cent of the true class"
    look = "scroll wide" if len(names) > WIDE_CLASSES else "scroll"
    return (
        f'<div class="{look}"><table class="confusion" data-method="{escape(found.method)}">'
        f"<caption>{escape(caption)}</caption><thead><tr><td></td>{columns}</tr></thead><tbody>{lines}"
        "</tbody></table></div>"
    )


def _cell(count: int, share: float, said: int) -> str:
    if not count:
        return "<td></td>"
    look = ' class="deep"' if share > DEEP else ""
    button = f'<button type="button" data-said="{said}">{max(share, 1):.0f}</button>'
    return f'<td{look} style="--share:{share:.0f}%">{button}</td>'


def class_table(found: ByClass, names: Sequence[str]) -> str:
    """Return a bar with its interval for each class and method; a class's name lists its clips."""
    rows = [
        (
            f'<button type="button" class="link" data-label="{number}">{escape(name)}</button>',
            f"{found.counts[number]:,}",
            *(_bar(one, number) for one in found.methods.values()),
        )
        for number, name in enumerate(names)
    ]
    caption = "Test accuracy of each class in per cent; line: Wilson's 95 % interval over its clips"
    bars = table(("class", "clips", *found.methods), rows, caption)
    return bars.replace("<table>", '<table class="bars">', 1)


def _bar(found: ClassAccuracies, number: int) -> str:
    mean, low, high = found.mean[number], found.low[number], found.high[number]
    if np.isnan(mean):
        return "–"
    return (
        f'<span class="bar" style="--mean:{mean:.1f}%;--low:{low:.1f}%;--high:{high:.1f}%" '
        f'title="{low:.0f} to {high:.0f}"></span><b>{mean:.0f}</b>'
    )


def pairs_table(found: Pairs) -> str:
    """Return all paired differences, row minus column, with their intervals."""
    rows = [
        (escape(name), *(_pair(found, row, column) for column in range(len(found.methods))))
        for row, name in enumerate(found.methods)
    ]
    caption = (
        "Every method against every other on the same clips: row minus column, in points, and its 95 % interval by "
        "paired bootstrap; many are compared, so single ones that stand out may do so by chance"
    )
    return table(("", *found.methods), rows, caption)


def _pair(found: Pairs, row: int, column: int) -> str:
    if row == column:
        return ""
    low, high = float(found.low[row, column]), float(found.high[row, column])
    look = "good" if low > 0 else "bad" if high < 0 else "even"
    points = f"{found.mean[row, column]:+.1f}".replace("-", MINUS)
    return f'<span class="{look}">{points}</span><br><small>{" to ".join(edges((low, high), signed=True))}</small>'


def runs_table(found: Sequence[RunBeside]) -> str:
    """Return this run beside others: both accuracies on the clips that both have, and their paired difference."""
    rows = []
    for one in found:
        difference, (own, other) = one.comparison.difference, one.comparison.accuracies
        low, high = difference.interval
        look, words = (
            ("good", "ahead") if low > 0 else ("bad", "behind") if high < 0 else ("even", "not told apart")
        )
        rows.append(
            (
                escape(one.name),
                f"{other:.2f}",
                f"{own:.2f}",
                f"<b>{points(difference.mean)}</b>",
                " to ".join(edges(difference.interval, signed=True)),
                f"{one.comparison.clips:,}",
                f'<span class="{look}">{words}</span>',
            )
        )
    head = (
        "run",
        "its accuracy, %",
        "this one, %",
        "this minus it",
        "95 % interval",
        "clips of both",
        "this run is",
    )
    caption = (
        "Runs of report.runs on the test clips that both have, correctness averaged over each one's seeds; intervals "
        "by paired bootstrap over clips"
    )
    return table(head, rows, caption) if rows else ""
