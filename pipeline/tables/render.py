"""A table as Markdown, CSV and JSON: ours beside the paper's figures, and what differs in the setting."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.html.numbers import edges, points
from pipeline.tables.outcome import COUNTS, Outcome

NOTHING = "–"


def as_markdown(outcome: Outcome) -> str:
    """Format the table, the rows that could not run with their reasons, and what differs from the paper."""
    table = outcome.table
    seeds = ", ".join(map(str, outcome.preset.train.seeds))
    lines = [
        f"# {table.title}",
        "",
        f"`python cli.py table {table.name}` on dataset `{outcome.dataset}`, preset `{outcome.preset_name}`, scale "
        f"{outcome.derived.scale}: test accuracy in per cent, mean ± standard deviation over seeds {seeds}; brackets "
        "are 95 % intervals over test clips, paired where they are of differences.",
        "",
        *_table(_columns(outcome), outcome.records),
    ]
    if outcome.derived.why_not:
        lines += ["", "## Not run", ""]
        lines += [f"- {label}: {why}" for label, why in outcome.derived.why_not.items()]
    return "\n".join([*lines, "", "## What differs from the paper", "", *_list(outcome.differing)]) + "\n"


def _list(sentences: Sequence[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]


def _columns(outcome: Outcome) -> dict[str, Any]:
    """Heading to what makes a record's cell."""
    compared = outcome.compared
    others = {record["against"] for record in outcome.records} - {None}
    alone = len(others) == 1
    than = f"minus {next(iter(others))}" if alone else "minus its base"
    columns: dict[str, Any] = {
        "row": lambda r: r["row"],
        "ours, %": _ours,
        "interval": lambda r: _interval(r["interval"]),
        than: lambda r: _points(r["difference"]) + _base(r, alone=alone),
        "interval of the difference": lambda r: _interval(r["difference_interval"], signed=True),
        **{f"paper, {name}": _printed(name) for name in outcome.table.benchmarks},
        f"paper, {than}": lambda r: _points(r["paper_difference"]),
        f"ours minus paper ({compared})": lambda r: _points(r["minus_paper"]),
        "level": lambda r: r["level"] or "not run",
    }
    if any(row.network or row.sizes for row in outcome.table.rows):
        columns |= {
            "parameters, full size": lambda r: _count(r["parameters"], 1e6, " M"),
            "paper's parameters": lambda r: _count(r["published_parameters"], 1e6, " M"),
            "GFLOPs, full size": lambda r: _count(r["counted_gflops"], 1, ""),
            "paper's GFLOPs": lambda r: _count(r["published_gflops"], 1, ""),
        }
    return columns


def _table(columns: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [[cell(record).replace("|", "\\|") for cell in columns.values()] for record in records]
    alignment = ["---", *("---:" for _ in range(len(columns) - 1))]
    return ["| " + " | ".join(cells) + " |" for cells in ([*columns], alignment, *rows)]


def _ours(record: Mapping[str, Any]) -> str:
    if record["mean"] is None:
        return NOTHING
    spread = "" if record["std"] is None else f" ± {record['std']:.2f}"
    return f"{record['mean']:.2f}{spread}"


def _printed(name: str) -> Any:
    return lambda record: f"{record['paper'][name]:g}" if name in record["paper"] else NOTHING


def _points(value: float | None) -> str:
    return NOTHING if value is None else points(value)


def _base(record: Mapping[str, Any], *, alone: bool) -> str:
    return "" if alone or record["difference"] is None else f" ({record['against']})"


def _interval(span: Sequence[float] | None, *, signed: bool = False) -> str:
    return NOTHING if span is None else f"[{', '.join(edges(span, signed=signed))}]"


def _count(value: float | None, unit: float, word: str) -> str:
    return NOTHING if value is None else f"{value / unit:.3f}{word}"


def as_csv(outcome: Outcome) -> str:
    """Format one line a row; the paper's figures have a column for each benchmark."""
    benchmarks, text = outcome.table.benchmarks, io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = ("mean", "std", "mean_class", "difference", "paper_difference", "minus_paper", "level", "method")
    bounds = ("low", "high", "difference_low", "difference_high")
    writer.writerow(["row", *fields, *bounds, *(f"paper {name}" for name in benchmarks), *COUNTS, "not_run"])
    for record in outcome.records:
        spans = (*(record["interval"] or (None, None)), *(record["difference_interval"] or (None, None)))
        papers = (record["paper"].get(name) for name in benchmarks)
        counts = (record[name] for name in COUNTS)
        writer.writerow(
            [record["row"], *(record[name] for name in fields), *spans, *papers, *counts, record["not_run"]]
        )
    return text.getvalue()


def as_json(outcome: Outcome) -> str:
    """Format everything that is known of the table."""
    table = outcome.table
    document = {
        "table": table.name,
        "title": table.title,
        "dataset": outcome.dataset,
        "preset": outcome.preset_name,
        "scale": outcome.derived.scale,
        "protocol": outcome.protocol,
        "clips": outcome.num_clips,
        "benchmark": outcome.benchmark,
        "compared": outcome.compared,
        "reference": table.reference,
        "seeds": list(outcome.preset.train.seeds),
        "backbone_seeds": list(outcome.preset.pretrain.seeds),
        "rows": outcome.records,
        "differing": outcome.differing,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
