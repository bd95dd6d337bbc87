"""Tables of the papers that were run, each row ours beside the printed figure, as sections of the page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.report.html.numbers import edges, points
from pipeline.report.html.tables import table

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table, as `python cli.py table` wrote it."""

    name: str
    title: str
    setting: str
    """Words for scale, seeds and preset."""
    compared: str
    """Benchmark of the paper whose figures stand beside ours."""
    rows: Sequence[Mapping[str, Any]]
    """Records, one a row, of the table's JSON."""
    differing: Sequence[str]
    """Differences from the paper, in sentences."""


def read_paper_tables(folder: Path) -> list[PaperTable]:
    """Return the tables that lie in `folder` as JSON, by name; none where there is no folder.

    Raises RunError where a file is not as `table` writes it.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> PaperTable:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        seeds = ", ".join(map(str, found["seeds"]))
        setting = f"preset {found['preset']}, scale {found['scale']}, seeds {seeds}"
        return PaperTable(
            found["table"], found["title"], setting, found["compared"], found["rows"], found["differing"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is not as `python cli.py table` writes it ({type(error).__name__} {error}): run that table again, "
            "or delete the file"
        ) from error


def tables_section(found: Sequence[PaperTable]) -> str:
    """Return every table with what differs from the paper behind a click; "" for none."""
    return "".join(_one(paper) for paper in found)


def _one(paper: PaperTable) -> str:
    head = (
        "row",
        "ours, %",
        "difference",
        "95 % interval",
        f"paper, {paper.compared}",
        "paper's difference",
        "level",
    )
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in paper.differing)
    return (
        f'<h3 id="table-{escape(paper.name)}">{escape(paper.title)}</h3>'
        + table(
            [*head], [_row(record, paper.compared) for record in paper.rows], f"{paper.name}: {paper.setting}"
        )
        + f"<details><summary>What differs from the paper</summary><ul>{lines}</ul></details>"
    )


def _row(record: Mapping[str, Any], compared: str) -> tuple[str, ...]:
    if record["mean"] is None:
        ours = NOTHING
    else:
        spread = "" if record["std"] is None else f" ± {record['std']:.2f}"
        ours = f"<b>{record['mean']:.2f}</b>{spread}"
    span, printed = record["difference_interval"], record["paper"].get(compared)
    return (
        escape(record["row"]),
        ours,
        _points(record["difference"]),
        NOTHING if span is None else " to ".join(edges(span, signed=True)),
        NOTHING if printed is None else f"{printed:g}",
        _points(record["paper_difference"]),
        escape(record["level"] or f"not run: {record['not_run']}"),
    )


def _points(value: float | None) -> str:
    return NOTHING if value is None else points(value)
