"""The cost of each stage before it runs: rows or trainings to make, what the cache has of them, bytes to write."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.params.heads import OWN_CLASSIFIER
from pipeline.params.params import Preset, PretrainParams

STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train")
"""Stages that make rows or train, in order."""

TRAINING_STAGES = {"pretrain": "trainings of backbones", "train": "trainings of heads"}
"""Stages that train, to what is counted of them; the others make rows of a store."""

FED_BY: dict[str, tuple[str, ...]] = {
    "index": (),
    "sample": ("index",),
    "crop": ("index", "sample"),
    "heatmaps": ("index", "sample"),
    "pretrain": ("index", "crop", "heatmaps"),
    "features": ("index", "crop", "heatmaps", "pretrain"),
    "train": ("features",),
}
"""Stage to the stages whose results it reads."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """The work of one stage, before it is done."""

    stage: str
    to_make: int | None
    """Rows or trainings that must be made; None where nothing can be known."""
    cached: int = 0
    exact: bool = True
    """Whether the count is what will be; an upper bound where something that the stage reads must be made first."""
    cache_bytes: int = 0
    """Upper bound of the bytes that the cache grows by."""
    store_bytes: int = 0
    """Upper bound of the bytes of the stage's whole store."""
    store: str = ""
    """Name of the store; "" of a stage that trains."""

    @property
    def unit(self) -> str:
        """Name of what is counted."""
        return TRAINING_STAGES.get(self.stage, "clips")

    @property
    def is_free(self) -> bool:
        """Whether nothing must be made."""
        return self.to_make == 0

    def __str__(self) -> str:
        if self.to_make is None:
            return f"{self.stage}: unknown"
        if not self.exact and not self.is_free:
            return (
                f"{self.stage}: at most {self.to_make} {self.unit} to make, at least {self.cached} from cache"
            )
        return f"{self.stage}: {self.to_make} {self.unit} to make, {self.cached} from cache"


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of a run, stage by stage, as far as it can be known without computing anything."""

    stages: tuple[StageCost, ...]

    @property
    def trainings(self) -> int:
        """Number of trainings to make, an upper bound where `exact` does not hold."""
        return sum(one.to_make or 0 for one in self.stages if one.stage in TRAINING_STAGES)

    @property
    def exact(self) -> bool:
        """Whether every count is what will be."""
        return all(one.exact or one.is_free for one in self.stages)

    def of(self, stage: str) -> StageCost:
        """Return the cost of the stage of that name."""
        return next(one for one in self.stages if one.stage == stage)

    def __str__(self) -> str:
        cached = sum(one.cached for one in self.stages if one.stage in TRAINING_STAGES)
        bound = "" if self.exact else "at most "
        return "\n".join(
            (
                f"cost: {bound}{self.trainings} trainings to make, {cached} from cache",
                *(f"  {one}" for one in self.stages),
            )
        )


def is_exact(stage: str, before: Sequence[StageCost]) -> bool:
    """Whether a stage's counts are certain: everything that it reads is in the cache already."""
    return all(one.is_free for one in before if one.stage in FED_BY[stage])


def trainings_at_most(stage: str, preset: Preset) -> int | None:
    """Count the trainings of a stage if the cache had none of them; None of a stage that makes rows."""
    if stage not in TRAINING_STAGES:
        return None
    pretrain, train = preset.pretrain, preset.train
    if stage == "pretrain":
        return len(pretrain.backbones) * _runs(len(pretrain.seeds), pretrain) * (1 + pretrain.cross_fit)
    trained = [method for method in train.methods if method.partition("@")[0] != OWN_CLASSIFIER]
    small = len(train.seeds) * len(train.clips_per_class)
    return len(trained) * (_runs(len(train.seeds), pretrain) + small)


def _runs(seeds: int, how: PretrainParams) -> int:
    """Trainings of one network: one for each seed, and the selection run where it is another one."""
    return seeds + how.refit
