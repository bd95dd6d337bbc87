"""The cost of training: which of a schedule's trainings the cache has, asked without training any."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


def foreseen(folder: Path | None, name: str, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
    """Return the training in a blob's folder, or a blank one of all `epochs` where there is none.

    A blank one's best epoch is its last: a final run after it is looked for with as many epochs as there may be.
    """
    phase: Phase = "selection" if select_on else "final"
    if folder is not None:
        return training_of(folder, name, seed, phase, len(fit_on), from_cache=True)
    return Training(name, seed, phase, len(fit_on), epochs - 1, (), "", "", b"", from_cache=False)
