"""The cost of training: which of a schedule's trainings the cache has, asked without training any."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.training.trainings import Ids, Phase, Training, training_of

UNMADE = "not trained yet"
"""Stands for the digest of weights that must be learned first: no key that names it can be one of the cache."""


@dataclass(frozen=True, slots=True)
class TrainingOutlook:
    """The trainings of a stage: how many must be made, and how many the cache has."""

    to_make: int
    cached: int
    trainings: tuple[Training, ...] = ()
    """All of them, without their weights; one that must be made has digests that are none.

    Those trained without a part keep what they are made of, which says of which clips their rows are out of fold.
    """

    @classmethod
    def over(cls, trainings: Iterable[Training]) -> "TrainingOutlook":
        """Count trainings that `foreseen` gave."""
        every = tuple(
            replace(one, weights=b"", classifier=b"", made_of={} if one.part is None else one.made_of)
            for one in trainings
        )
        cached = sum(training.from_cache for training in every)
        return cls(len(every) - cached, cached, every)


def foreseen(folder: Path | None, name: str, seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
    """Return the training in a blob's folder, or a blank one of all `epochs` where there is none.

    A blank one's best epoch is its last: a final run after it is looked for with as many epochs as there may be.
    """
    phase: Phase = "selection" if select_on else "final"
    if folder is not None:
        return training_of(folder, name, seed, phase, len(fit_on), from_cache=True)
    return Training(
        name,
        seed,
        phase,
        len(fit_on),
        epochs - 1,
        (),
        UNMADE,
        "",
        b"",
        from_cache=False,
        classifier_sha256=UNMADE,
    )
