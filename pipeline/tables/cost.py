"""The cost of a table before it is run: rows to compute and trainings to make, and what the cache has of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cache import Build
from pipeline.build.build import StoreJob
from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.errors import RunError
from pipeline.params.params import OWN_CLASSIFIER, Preset, PretrainParams
from pipeline.paths import Paths

STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train")
"""Stages that a table runs, in order."""

TRAINING_STAGES = {"pretrain": "trainings of backbones", "train": "trainings of heads"}
"""Stages that train, to what is counted of them; the others make rows of a store."""

Module = Callable[[str], Any]
"""A function that gives a stage's module by its name: `run`, and `plan` or `outlook`."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """The work of one stage, before it is done."""

    stage: str
    to_make: int | None
    """Rows or trainings that must be made; None where nothing can be known yet."""
    cached: int = 0
    exact: bool = True
    """Whether the count is what will be; an upper bound where something before it must be made first."""

    @property
    def free(self) -> bool:
        """Whether nothing must be made, and that is certain."""
        return self.exact and self.to_make == 0

    def __str__(self) -> str:
        unit = TRAINING_STAGES.get(self.stage, "clips")
        if self.to_make is None:
            return f"{self.stage}: known once the stages before it have run"
        if not self.exact:
            return f"{self.stage}: at most {self.to_make} {unit} to make"
        return f"{self.stage}: {self.to_make} {unit} to make, {self.cached} from cache"


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of a table, stage by stage, as far as it can be known without computing anything."""

    stages: tuple[StageCost, ...]

    @property
    def trainings(self) -> int:
        """Number of trainings to make, an upper bound where `exact` does not hold."""
        return sum(one.to_make or 0 for one in self.stages if one.stage in TRAINING_STAGES)

    @property
    def exact(self) -> bool:
        """Whether every count is what will be."""
        return all(one.exact for one in self.stages)

    def __str__(self) -> str:
        cached = sum(one.cached for one in self.stages if one.stage in TRAINING_STAGES)
        bound = "" if self.exact else "at most "
        return "\n".join(
            (
                f"cost: {bound}{self.trainings} trainings to make, {cached} from cache",
                *(f"  {one}" for one in self.stages),
            )
        )


def cost_of(
    paths: Paths, preset: Preset, module: Module, options: RunOptions, say: Callable[[str], None]
) -> Cost:
    """Plan stage by stage. A stage for which the cache has everything is run, which links and computes nothing.

    At the first stage that must make something the plan ends; the trainings behind it are bounded from the params.
    """
    found: list[StageCost] = []
    for number, stage in enumerate(STAGES):
        found.append(_cost_of_stage(stage, paths, preset, module(stage), options))
        if not found[-1].free:
            found += [StageCost(s, trainings_at_most(s, preset), exact=False) for s in STAGES[number + 1 :]]
            break
        run_stage(stage, paths, preset, module, options, say)
    return Cost(tuple(found))


def run_stage(
    stage: str, paths: Paths, preset: Preset, module: Module, options: RunOptions, say: Callable[[str], None]
) -> None:
    """Run one stage and say its summary. Raises RunError where too many clips failed."""
    summary: Summary = module(stage).run(paths, preset, options)
    say(str(summary))
    if summary.exit_code:
        raise RunError(f"the table stops after {stage}: {summary}")


def _cost_of_stage(stage: str, paths: Paths, preset: Preset, module: Any, options: RunOptions) -> StageCost:
    if stage in TRAINING_STAGES:
        counted = module.outlook(paths, preset)
        return StageCost(stage, counted.to_make, counted.cached)
    job: StoreJob = module.plan(paths, preset, options)
    if not job.rows:
        return StageCost(stage, 0)
    build = Build(paths.open_cache(), f"{paths.dataset}/{job.name}", job.spec, job.rows)
    return StageCost(stage, build.rows_to_make, build.rows_cached)


def trainings_at_most(stage: str, preset: Preset) -> int | None:
    """Count the trainings of a stage if the cache had none of them; None of a stage that makes rows."""
    if stage not in TRAINING_STAGES:
        return None
    pretrain, train = preset.pretrain, preset.train
    if stage == "pretrain":
        return len(pretrain.backbones) * _runs(len(pretrain.seeds), pretrain) * (1 + pretrain.cross_fit)
    trained = [method for method in train.methods if method.partition("@")[0] != OWN_CLASSIFIER]
    return len(trained) * _runs(len(train.seeds), pretrain)


def _runs(seeds: int, how: PretrainParams) -> int:
    """Trainings of one network: one for each seed, and the selection run where it is another one."""
    return seeds + how.refit
