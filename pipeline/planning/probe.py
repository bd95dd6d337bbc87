"""A short trial of the stages that make rows: a few real clips go through them, in a folder that is thrown away."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cache import Cache
from pipeline.build.build import StoreJob, build_store, recorded_failures
from pipeline.build.failures import Failure
from pipeline.build.runner import RunOptions
from pipeline.build.work import ClipResult, SourcedWork, Work
from pipeline.datasets.protocol import Dataset
from pipeline.paths import Paths
from pipeline.planning.foresee import Foreseen, Module
from pipeline.planning.some_clips import preset_of_some
from pipeline.values import Clip

if TYPE_CHECKING:
    from pipeline.params.params import Preset

ROW_STAGES = ("index", "sample", "crop", "heatmaps")
"""Stages that are tried, in order."""

ENOUGH_SECONDS = 2.0
"""No further clips are tried where the first one took so long."""

MORE_CLIPS = 3
"""Clips that are tried behind the first one."""

MOST_SIZED = 200
"""Clips whose files are measured to choose those that are tried."""


@dataclass
class Trial:
    """Duration, size and failures of a few clips in each stage."""

    clips: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Stage to its work's seconds, of all clips together."""
    rows: dict[str, int] = field(default_factory=dict)
    """Stage to the number of clips that it was given."""
    stored_bytes: dict[str, int] = field(default_factory=dict)
    """Stage to the bytes of its store."""
    failures: list[Failure] = field(default_factory=list)

    def seconds_a_clip(self, stage: str) -> float | None:
        """Return the seconds of one clip in a stage; None where it was not tried."""
        return self.seconds[stage] / self.rows[stage] if self.rows.get(stage) else None


class _TrialPaths(Paths):
    """The project's recordings and files, with results and a cache in a folder of their own."""

    folder: Path

    def __init__(self, of: Paths, folder: Path) -> None:
        super().__init__(of.root, of.dataset)
        object.__setattr__(self, "folder", folder)

    def _results(self, kind: str) -> Path:
        return self.folder / kind / self.dataset

    def open_cache(self) -> Cache:
        """Open a cache that knows nothing."""
        return Cache(self._results("cache"))


@dataclass(frozen=True)
class _Timed:
    """Work that notes how long it takes, the writing of its rows included."""

    work: Work
    spent: list[float]

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Facts that the work states."""
        return self.work.made_with

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "_Timed":
        """Return the same of the work that knows its inputs."""
        of = self.work
        return replace(self, work=of.named_by(inputs) if isinstance(of, SourcedWork) else of)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield what the work yields."""
        began = time.perf_counter()
        yield from self.work.compute(ids, arrays)
        self.spent.append(time.perf_counter() - began)


def try_clips(
    paths: Paths,
    preset: "Preset",
    module: Module,
    ids: Sequence[str],
    upto: str,
    refusals: tuple[type[Exception], ...],
) -> Trial:
    """Take the first of `ids` through the stages up to `upto`, then, where that was quick, a few more together.

    What is among `refusals` ends the trial; what was found until then is kept.
    """
    trial, began = Trial(), time.monotonic()
    stages = ROW_STAGES[: ROW_STAGES.index(upto) + 1]
    for some in (ids[:1], ids[1 : 1 + MORE_CLIPS]):
        if not some or time.monotonic() - began > ENOUGH_SECONDS:
            break
        trial.clips += some
        with TemporaryDirectory(prefix="harcache-plan-") as folder:
            apart = _TrialPaths(paths, Path(folder))
            try:
                for stage in stages:
                    _try_stage(stage, apart, preset_of_some(preset, some), module(stage), trial)
            except refusals:
                break
    return trial


def _try_stage(stage: str, apart: Paths, preset: "Preset", module: Any, trial: Trial) -> None:
    quiet, spent = RunOptions(quiet=True), list[float]()
    job: StoreJob = module.plan(apart, preset, quiet)
    timed = replace(job, work=_Timed(job.work, spent))
    summary = build_store(timed, apart, quiet, max_failed=1.0)
    if stage == "index":
        module.run(apart, preset, quiet)  # all of it from the trial's own cache: the catalog is what lacks
    trial.seconds[stage] = trial.seconds.get(stage, 0.0) + sum(spent)
    trial.rows[stage] = trial.rows.get(stage, 0) + len(job.rows)
    out = apart.store(job.name)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    trial.stored_bytes[stage] = trial.stored_bytes.get(stage, 0) + size
    if summary.failed:
        trial.failures += [f for f in recorded_failures(apart) if f.stage == stage and f.counts]


def chosen(found: Foreseen) -> tuple[list[str], str] | None:
    """Return clips to try and the last stage to try; None where no stage has rows to make.

    The clips are those with files of a middling size among those that must be made: one from the middle, then others
    on both sides of it.
    """
    stages = [cost.stage for cost in found.costs if cost.stage in ROW_STAGES and not cost.is_free]
    if not stages or found.index is None:
        return None
    last = stages[-1]
    wanted = found.stores[last].build.ids_to_make
    clips = [clip for clip in found.index.listing.clips if clip.clip_id in wanted]
    sizes = {
        clip.clip_id: _bytes(found.index.dataset, clip) for clip in clips[:: max(1, len(clips) // MOST_SIZED)]
    }
    ordered = sorted(sizes, key=lambda clip_id: sizes[clip_id])
    places = (0.5, 0.25, 0.75, 0.9)
    return list(dict.fromkeys(ordered[int(place * len(ordered))] for place in places if ordered)), last


def _bytes(dataset: Dataset, clip: Clip) -> int:
    """Bytes of a clip's files; 0 of one that cannot be asked."""
    try:
        return sum(path.stat().st_size for path in dataset.sources(clip).values())
    except OSError:
        return 0
