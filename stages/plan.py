"""Command `plan`: what a run of all stages would make, take, write and need, before anything runs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache import CacheError
from models.errors import ModelError
from pipeline.build.runner import RunOptions
from pipeline.errors import PipelineError
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.planning.cost import STAGES
from pipeline.planning.foresee import Foreseen, Module, foresee
from pipeline.planning.graph import graph_notes, runner
from pipeline.planning.obstacles import notes, obstacles
from pipeline.planning.plan import NetworkTime, Plan
from pipeline.planning.probe import Trial, chosen, try_clips

REFUSALS: tuple[type[Exception], ...] = (PipelineError, ModelError, CacheError, OSError)
"""Errors by which a stage refuses to run."""


def run(
    paths: Paths,
    preset_name: str,
    load: Callable[[Path, str], Preset],
    module: Module,
    check_code: Callable[[str, Preset], None],
    options: RunOptions,
    *,
    probe: bool = True,
) -> Plan:
    """Plan every stage; with `probe`, a few clips and networks are tried, for a few seconds, to tell the time."""
    began, title = time.monotonic(), f"{paths.dataset}, preset {preset_name}"
    try:
        preset = load(paths.params, preset_name)
    except REFUSALS as error:
        return Plan(title, obstacles=(str(error),), runs=runner(paths))
    networks: dict[str, NetworkTime] = {}

    def at_each(stage: str, found: Foreseen) -> None:
        if probe and stage == "features" and not all(one.is_free for one in found.costs[-2:]):
            networks.update(module("pretrain").times(paths, preset, options))

    found = foresee(paths, preset, module, options, REFUSALS, at_each)
    upto = chosen(found)
    trial = try_clips(paths, preset, module, *upto, REFUSALS) if probe and upto else Trial()
    plan = Plan(title, found, trial, networks, options.workers, runs=runner(paths))
    return replace(
        plan,
        obstacles=(*_drifted(preset, check_code), *obstacles(paths, preset, plan)),
        notes=(*notes(paths, preset, plan), *graph_notes(paths, preset_name)),
        seconds=time.monotonic() - began,
    )


def _drifted(preset: Preset, check_code: Callable[[str, Preset], Any]) -> Iterator[str]:
    """Stages whose code is not what recipes.lock knows, the first of them in its own words."""
    drifted: dict[str, str] = {}
    for stage in STAGES:
        try:
            check_code(stage, preset)
        except REFUSALS as error:
            drifted[stage] = str(error)
    if drifted:
        yield f"{', '.join(drifted)}: code changed since recipes.lock; {next(iter(drifted.values()))}"
