"""Running a table: plan, say the cost, train what is missing, and write ours beside the paper's figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.catalog.opened import opened_catalog
from pipeline.errors import RunError
from pipeline.evaluation.results import read_predictions
from pipeline.files import write_whole
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.planning.cost import STAGES
from pipeline.planning.foresee import Module, foresee
from pipeline.tables.derive import Check, Derived, derived
from pipeline.tables.outcome import Outcome
from pipeline.tables.picture import drawn
from pipeline.tables.render import as_csv, as_json, as_markdown
from pipeline.tables.results import measured
from pipeline.tables.spec import Scale, Table

Say = Callable[[str], None]
"""A function that tells what is going on, beside the result."""


@dataclass(frozen=True)
class House:
    """Functions that the floors above hand in: a table runs stages, and imports none."""

    module: Module
    check: Check
    """Finds names and options of a preset that nothing bears."""
    ready: Callable[[str, Preset], None]
    """Refuses a stage whose code is not what recipes.lock knows."""
    counted: Callable[[], Sequence[Mapping[str, Any]]]
    """Gives the rows of `python cli.py models`."""


@dataclass(frozen=True)
class Request:
    """One call of the command."""

    table: Table
    dataset: str
    preset_name: str
    scale: Scale = "small"
    seeds: int = 3


def run_table(
    paths: Paths,
    preset: Preset,
    request: Request,
    house: House,
    options: RunOptions,
    say: Say,
    *,
    dry_run: bool,
) -> str:
    """Return the table as Markdown, and write it under reports/<dataset>/tables; a dry run gives the cost alone.

    Stages run in tables/<dataset>/<table>, on the project's cache: the project's own results stay as they are.
    """
    plan = derived(preset, request.table, request.scale, seeds=request.seeds, check=house.check)
    for label, why in plan.why_not.items():
        say(f"not run: {label}: {why}")
    if plan.preset is None:
        return "no row can run" if dry_run else _written(paths, _without_results(request, plan, preset))
    for stage in STAGES:
        house.ready(stage, plan.preset)
    apart = replace(paths, apart=plan.name)
    cost = foresee(apart, plan.preset, house.module, options).cost
    if dry_run:
        return str(cost)
    say(str(cost))
    for stage in STAGES:
        summary: Summary = house.module(stage).run(apart, plan.preset, options)
        say(str(summary))
        if summary.exit_code:
            raise RunError(f"the table stops after {stage}: {summary}")
    return _written(paths, _outcome(apart, request, plan, plan.preset, house))


def _without_results(request: Request, plan: Derived, preset: Preset) -> Outcome:
    return Outcome(
        derived=plan,
        dataset=request.dataset,
        preset_name=request.preset_name,
        preset=preset,
        protocol=preset.index.protocol,
    )


def _outcome(apart: Paths, request: Request, plan: Derived, preset: Preset, house: House) -> Outcome:
    predictions = read_predictions(apart.reports / "predictions.parquet")
    networks = {row.network for row in request.table.rows if row.network}
    counted = {row["name"]: row for row in house.counted()} if networks else {}
    return replace(
        _without_results(request, plan, preset).with_catalog(opened_catalog(apart.catalog)),
        measured=measured(predictions, request.table, plan.running),
        counted={name: counted[name] for name in networks},
    )


def _written(paths: Paths, outcome: Outcome) -> str:
    """Write the files of a table, and return its Markdown."""
    text = as_markdown(outcome)
    contents: dict[str, str | bytes] = {"md": text, "csv": as_csv(outcome), "json": as_json(outcome)}
    contents["png"] = drawn(outcome)
    for ending, content in contents.items():
        write_whole(paths.reports / "tables" / f"{outcome.derived.name}.{ending}", content)
    return text
