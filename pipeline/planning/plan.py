"""A plan as it is printed: what each stage makes, takes and writes, and whether a run gets through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from pipeline.build.build import size_text
from pipeline.planning.cost import TRAINING_STAGES, StageCost
from pipeline.planning.foresee import Foreseen
from pipeline.planning.probe import Trial
from pipeline.training.trainings import Training


class NetworkTime(Protocol):
    """Time and size of one network, on this machine."""

    @property
    def train_seconds(self) -> float:
        """Seconds a clip and epoch of training."""
        ...

    @property
    def embed_seconds(self) -> float:
        """Seconds a clip of inference."""
        ...

    @property
    def weight_bytes(self) -> int:
        """Bytes of its weights."""
        ...


@dataclass(frozen=True)
class Plan:
    """A run before it is run, and what would stop it."""

    title: str
    foreseen: Foreseen = field(default_factory=Foreseen)
    trial: Trial = field(default_factory=Trial)
    networks: Mapping[str, NetworkTime] = field(default_factory=dict)
    """Backbone to its time; empty where none must be trained or run."""
    workers: int = 1
    obstacles: Sequence[str] = ()
    """Reasons for which a run would stop, each with what to do."""
    notes: Sequence[str] = ()
    seconds: float = 0.0
    """Duration of the planning."""
    runs: str = "`dvc repro`"
    """Words for what runs the stages."""

    @property
    def exit_code(self) -> int:
        """Exit status 0 where a run would get through, else 1."""
        return int(bool(self.obstacles))

    def seconds_of(self, stage: str) -> float | None:
        """Return about how long a stage will take at most; None where nothing tells."""
        cost = self.foreseen.cost.of(stage)
        if cost.to_make is None or cost.is_free:
            return None if cost.to_make is None else 0.0
        if stage == "pretrain" and self.networks:
            return self._seconds_of_trainings()
        if stage == "features":
            trainings = self._backbones()
            known = [self.networks.get(one.name) for one in trainings]
            times = [one.embed_seconds for one in known if one is not None]
            return cost.to_make * sum(times) / self.workers if len(times) == len(known) else None
        a_clip = self.trial.seconds_a_clip(stage)
        return None if a_clip is None else a_clip * cost.to_make / self.workers

    def _backbones(self) -> Sequence[Training]:
        found = self.foreseen.trainings.get("pretrain")
        return () if found is None else found.trainings

    def _seconds_of_trainings(self) -> float | None:
        total = 0.0
        for one in self._backbones():
            if one.name not in self.networks:
                return None
            epochs = 0 if one.from_cache else one.best_epoch + 1
            total += one.num_clips * epochs * self.networks[one.name].train_seconds
        return total

    def weight_bytes(self) -> int:
        """Return the bytes of the backbones' weights that must be learned."""
        made = [one for one in self._backbones() if not one.from_cache]
        return sum(self.networks[one.name].weight_bytes for one in made if one.name in self.networks)

    def bytes_of(self, stage: str) -> int | None:
        """Return about how many bytes a stage adds to the cache, by the trial's stores; None where nothing tells."""
        cost, rows = self.foreseen.cost.of(stage), self.trial.rows.get(stage)
        if not rows or cost.to_make is None:
            return None
        return min(cost.cache_bytes, ceil(self.trial.stored_bytes[stage] / rows * cost.to_make))

    def __str__(self) -> str:
        lines = [self.title, *(_row(*row) for row in self._table())]
        lines += [f"  {note}" for note in self.notes]
        if not self.obstacles:
            return "\n".join((*lines, f"{self.runs} would get through (planned in {self.seconds:.1f} s)"))
        stops = [f"  - {obstacle}" for obstacle in self.obstacles]
        return "\n".join((*lines, f"{self.runs} would not get through:", *stops))

    def _table(self) -> list[tuple[str, ...]]:
        costs = self.foreseen.costs
        rows = [(c.stage, _to_make(c), _cached(c), self._written(c), self._time(c)) for c in costs]
        head = ("stage", "to make", "from cache", "writes", "time")
        return [head, *rows, ("report", "1 page", "", "", "")] if rows else []

    def _written(self, cost: StageCost) -> str:
        if cost.stage in TRAINING_STAGES:
            size = self.weight_bytes() if cost.stage == "pretrain" and not cost.is_free else 0
            return f"about {size_text(size)}" if size else ""
        if not cost.cache_bytes:
            return ""
        about = self.bytes_of(cost.stage)
        most = f"at most {size_text(cost.cache_bytes)}"
        return most if about is None else f"about {size_text(about)}, {most}"

    def _time(self, cost: StageCost) -> str:
        seconds = self.seconds_of(cost.stage)
        if cost.is_free:
            return ""
        return "unknown" if seconds is None else f"about {_span(seconds)}"


def _to_make(cost: StageCost) -> str:
    if cost.to_make is None:
        return "unknown"
    bound = "" if cost.exact or cost.is_free else "at most "
    return f"{bound}{cost.to_make:,} {cost.unit.partition(' ')[0]}"


def _cached(cost: StageCost) -> str:
    if cost.to_make is None:
        return "unknown"
    return f"{'' if cost.exact or cost.is_free else 'at least '}{cost.cached:,}"


def _row(stage: str, to_make: str, cached: str, written: str, seconds: str) -> str:
    return f"  {stage:<9} {to_make:<22} {cached:<16} {written:<34} {seconds}".rstrip()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
