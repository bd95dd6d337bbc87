"""The cost of training: which of a schedule's trainings the cache has, asked without training any."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cache import Cache
from pipeline.training.trainings import Ids, Phase, Training, training_of


@dataclass(frozen=True, slots=True)
class TrainingOutlook:
    """Number of trainings that must be made, and of those that the cache has."""

    to_make: int
    cached: int

    @classmethod
    def over(cls, trainings: Iterable[Training]) -> "TrainingOutlook":
        """Count trainings that `foreseen` gave."""
        known = [training.from_cache for training in trainings]
        return cls(known.count(False), known.count(True))


def foreseen(
    cache: Cache, document: dict[str, Any], name: str, seed: int, fit_on: Ids, select_on: Ids, epochs: int
) -> Training:
    """Return the training made of `document` as the cache holds it, else a blank one of all `epochs`.

    A blank one's best epoch is its last: a final run after it is looked for with as many epochs as there may be.
    """
    phase: Phase = "selection" if select_on else "final"
    folder = cache.blobs.find(document)
    if folder is not None:
        return training_of(folder, name, seed, phase, len(fit_on), from_cache=True)
    return Training(name, seed, phase, len(fit_on), epochs - 1, (), "", "", b"", from_cache=False)
