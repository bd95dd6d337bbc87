"""Asks every method for its scores: of test clips, of those held out, and of heads fitted on few clips a class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.evaluation.late_fusion import Scores
from pipeline.training.splits import SplitParts
from pipeline.training.trainings import Ids, Training


class Method(Protocol):
    """One method of `train`: a head with its options, and the networks that feed it."""

    @property
    def is_trained(self) -> bool:
        """Whether there is anything to train."""
        ...

    def heads(self, parts: SplitParts) -> Iterator[Training]:
        """Yield the selection run, then the final runs."""
        ...

    def few_heads(self, parts: SplitParts) -> Iterator[tuple[int, Training]]:
        """Yield (clips of each class, the head that was fitted on so few), for each number and seed asked for."""
        ...

    def scores(self, training: Training, ids: Ids, *, selection: bool) -> Scores:
        """Return the class probabilities that a trained head gives to `ids`."""
        ...

    def untrained_scores(self, ids: Ids, *, selection: bool) -> list[Scores]:
        """Return the class probabilities of a head that learns nothing, for each seed of its backbones."""
        ...


@dataclass(frozen=True)
class Scored:
    """Everything that the methods were asked."""

    heads: list[Training] = field(default_factory=list)
    """Selection and final runs, whose weights the dataset's folder keeps."""
    scores: list[Scores] = field(default_factory=list)
    """Scores of the test clips."""
    held_out: list[Scores] = field(default_factory=list)
    """Scores of the clips held out, by the selection runs."""
    few_heads: list[Training] = field(default_factory=list)
    """Heads fitted on few clips, which the cache alone keeps."""
    few_scores: list[tuple[int, Scores]] = field(default_factory=list)
    """(clips of each class, scores of the test clips by a head that was fitted on so few)."""


def scored(methods: Sequence[Method], parts: SplitParts, *, refit: bool) -> Scored:
    """Train what is missing and ask all methods; without `refit` the selection runs are asked of the test clips."""
    found = Scored()
    for one in methods:
        if not one.is_trained:
            found.held_out.extend(one.untrained_scores(parts.select, selection=True))
            found.scores.extend(one.untrained_scores(parts.test, selection=False))
            continue
        for head in one.heads(parts):
            found.heads.append(head)
            if head.phase == "selection":
                found.held_out.append(one.scores(head, parts.select, selection=True))
            if head.phase == "final" or not refit:
                found.scores.append(one.scores(head, parts.test, selection=False))
        for count, head in one.few_heads(parts):
            found.few_heads.append(head)
            found.few_scores.append((count, one.scores(head, parts.test, selection=False)))
    return found
