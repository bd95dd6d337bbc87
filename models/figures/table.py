"""The table of `python cli.py models`: our modules counted, beside the papers' printed figures."""

import json
from collections.abc import Sequence
from typing import Any

import torch

from models.figures.counting import count
from models.figures.published import published
from models.figures.published_row import PublishedRow
from models.graph.graphs import Edges

COLUMNS = (
    ("name", "name", "{}"),
    ("parameters", "parameters", "{:,}"),
    ("published_parameters", "published", "{:,.0f}"),
    ("parameters_difference_percent", "diff %", "{:+.2f}"),
    ("gmacs", "GMACs", "{:.3f}"),
    ("gflops", "GFLOPs", "{:.3f}"),
    ("mmcv_gflops", "mmcv G", "{:.3f}"),
    ("published_gflops", "published", "{:.2f}"),
    ("gflops_difference_percent", "diff %", "{:+.2f}"),
)
"""Key, heading and number format of each column."""


def rows(edges: Edges, num_joints: int) -> list[dict[str, Any]]:
    """Return one row for each network as JSON values: counts of its instantiated module, and the paper's figures."""
    return [_row(entry) for entry in published(edges, num_joints)]


def _row(entry: PublishedRow) -> dict[str, Any]:
    with torch.device("meta"):
        network = entry.build()
    counts = count(network, *entry.inputs)
    found = {"macs": counts.macs / 1e9, "flops": counts.flops / 1e9, "mmcv": counts.mmcv_flops / 1e9}
    return {
        "name": entry.name,
        "system": entry.system,
        "input": [list(shape) for shape in entry.inputs],
        "parameters": counts.parameters,
        "gmacs": found["macs"],
        "gflops": found["flops"],
        "mmcv_gflops": found["mmcv"],
        "published_parameters": entry.parameters,
        "parameters_difference_percent": _difference(counts.parameters, entry.parameters),
        "published_gflops": entry.gflops,
        "published_convention": entry.convention if entry.gflops is not None else None,
        "gflops_difference_percent": _difference(found[entry.convention], entry.gflops),
        "remark": entry.remark,
    }


def _difference(ours: float, theirs: float | None) -> float | None:
    """Ours above theirs, in per cent of theirs."""
    return None if theirs is None else 100 * (ours / theirs - 1)


def as_json(table: Sequence[dict[str, Any]]) -> str:
    """Format the rows as a JSON list."""
    return json.dumps(table, indent=1)


def as_text(table: Sequence[dict[str, Any]]) -> str:
    """Format the rows as aligned columns under headings, one line a network, with remarks below."""
    lines = [[heading for _, heading, _ in COLUMNS]]
    lines += [[_cell(row[key], form) for key, _, form in COLUMNS] for row in table]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    drawn = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    remarks = [f"{row['name']}: {row['remark']}" for row in table if row["remark"]]
    return "\n".join([drawn[0], "-" * len(drawn[0]), *drawn[1:], "", *remarks])


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)
