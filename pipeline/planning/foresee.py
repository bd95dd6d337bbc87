"""Goes through the stages without running one: what each would make follows from the keys of what it would be given."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cache import Digests
from pipeline.build.build import StoreJob
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.outlook import IndexOutlook
from pipeline.paths import Paths
from pipeline.planning.cost import STAGES, TRAINING_STAGES, Cost, StageCost, is_exact, trainings_at_most
from pipeline.planning.planned_store import PlannedStore
from pipeline.planning.source_files import SourceDigests
from pipeline.stand_ins import standing_in
from pipeline.training.outlook import TrainingOutlook
from pipeline.training.trainings import Training

if TYPE_CHECKING:
    from pipeline.params.params import Preset

Module = Callable[[str], Any]
"""A function that gives a stage's module by its name: `run`, and `plan` or `outlook`."""


@dataclass
class Foreseen:
    """Knowledge of a run before it is run, filled in stage by stage."""

    costs: list[StageCost] = field(default_factory=list)
    index: IndexOutlook | None = None
    catalog: Catalog | None = None
    sources: SourceDigests | None = None
    stores: dict[str, PlannedStore] = field(default_factory=dict)
    """Stage to its store, of those that make one."""
    trainings: dict[str, TrainingOutlook] = field(default_factory=dict)
    """Stage to its trainings, of those that train."""
    stopped: tuple[str, Exception] | None = None
    """The first stage that would refuse, and why."""

    @property
    def cost(self) -> Cost:
        """Return the costs of all stages that were planned."""
        return Cost(tuple(self.costs))


def foresee(
    paths: Paths,
    preset: "Preset",
    module: Module,
    options: RunOptions,
    refusals: tuple[type[Exception], ...] = (),
    at_each: Callable[[str, Foreseen], None] = lambda *_: None,
) -> Foreseen:
    """Plan every stage on what the stages before it would give. Nothing is run, and nothing of the project is written.

    A recording that nobody has read counts as one that will be usable. What is among `refusals` is kept, and a stage
    that reads what the refusing one would give has bounds alone; other errors are raised. `at_each` is called behind
    each stage, while later ones would see what stands in for it.
    """
    found = Foreseen()
    with standing_in() as places, ExitStack() as held:
        known = held.enter_context(Digests(paths.open_cache()))
        found.sources = SourceDigests(known)
        for stage in STAGES:
            try:
                cost = _planned(stage, paths, preset, module(stage), options, found, places)
            except refusals as error:
                found.stopped = found.stopped or (stage, error)
                cost = StageCost(stage, trainings_at_most(stage, preset), exact=False)
            else:
                cost = replace(cost, exact=is_exact(stage, found.costs))
            found.costs.append(cost)
            at_each(stage, found)
    return found


def _planned(
    stage: str,
    paths: Paths,
    preset: "Preset",
    module: Any,
    options: RunOptions,
    found: Foreseen,
    places: dict[Any, Any],
) -> StageCost:
    """Plan one stage, and put what it would give where later stages look for it."""
    if stage in TRAINING_STAGES:
        counted = found.trainings[stage] = module.outlook(paths, preset)
        places[paths.weights / "backbones"] = found.trainings["pretrain"].trainings
        seen = sum(_clips_seen(one) for one in counted.trainings if not one.from_cache)
        return StageCost(stage, counted.to_make, counted.cached, clips_seen=seen)
    if stage == "index":
        found.index = module.outlook(paths, preset, options, found.sources)
        store = PlannedStore(found.index.job, paths, paths.open_cache())
        found.catalog = places[paths.catalog] = found.index.catalog(store=store)
    else:
        job: StoreJob = module.plan(paths, preset, options)
        store = PlannedStore(job, paths, paths.open_cache())
    found.stores[stage] = places[store.path] = store
    build = store.build
    return StageCost(
        stage,
        build.rows_to_make,
        build.rows_cached,
        cache_bytes=build.bytes_to_write,
        store_bytes=build.bytes_of_store,
        store=store.job.name,
    )


def _clips_seen(training: Training) -> int:
    """Clips that a training sees over all its epochs, at most."""
    return training.num_clips * (training.best_epoch + 1)


def lost_before(stores: dict[str, PlannedStore]) -> Iterator[tuple[str, str, int]]:
    """Yield (stage, error, clips) of what the cache remembers to fail."""
    for stage, store in stores.items():
        errors = {failure["id"]: failure["error"] for failure in store.failures}
        for error in sorted(set(errors.values())):
            yield stage, error, sum(name == error for name in errors.values())
