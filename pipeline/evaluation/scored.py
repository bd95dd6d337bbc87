"""Asks every method for its scores: of test clips, of those held out, and of heads fitted on few clips a class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.catalog.catalog import Catalog
from pipeline.evaluation.late_fusion import Scores, Unseen, combinations
from pipeline.evaluation.metrics import accuracy, summarise
from pipeline.evaluation.results import selected_on
from pipeline.training.splits import SplitParts
from pipeline.training.trainings import Ids, Training

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams
    from pipeline.params.params import PretrainParams

OUT_OF_FOLD = "train, out of fold"
"""Value of `weighed_on` in metrics.json where fitted clips chose, each answered by a network that had not seen it."""


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
        """Return the class probabilities of a head that learns nothing, for each seed of its backbones.

        With a `cross_fit`, a clip that a backbone was fitted to is answered by the one trained without it.
        """
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
    out_of_fold: list[Scores] = field(default_factory=list)
    """Scores of the clips that backbones were fitted to, each by the network that was trained without it; of methods
    that train nothing themselves, where there is a `cross_fit`."""
    few_heads: list[Training] = field(default_factory=list)
    """Heads fitted on few clips, which the cache alone keeps."""
    few_scores: list[tuple[int, Scores]] = field(default_factory=list)
    """(clips of each class, scores of the test clips by a head that was fitted on so few)."""

    def unseen(self, catalog: Catalog, parts: SplitParts, how: "PretrainParams") -> tuple[Unseen, ...]:
        """Return the scores that weights of combinations are chosen on: out-of-fold ones first, for they are of all."""
        fitted = parts.fitted(refit=how.refit)
        return (
            Unseen(OUT_OF_FOLD, self.out_of_fold, catalog.labels(fitted)),
            Unseen(selected_on(how), self.held_out, catalog.labels(parts.select)),
        )


def scored(methods: Sequence[Method], parts: SplitParts, how: "PretrainParams") -> Scored:
    """Train what is missing and ask all methods; without `refit` the selection runs are asked of the test clips.

    With a `cross_fit`, methods that train nothing are asked of the fitted clips too.
    """
    found, refit = Scored(), how.refit
    for one in methods:
        if not one.is_trained:
            found.held_out.extend(one.untrained_scores(parts.select, selection=True))
            found.scores.extend(one.untrained_scores(parts.test, selection=False))
            if how.cross_fit:
                known = parts.fitted(refit=refit)
                found.out_of_fold.extend(one.untrained_scores(known, selection=False))
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


def out_of_fold(unseen: Unseen, params: "HeadParams") -> dict[str, Any]:
    """Return, under `out_of_fold`, the accuracy on the fitted clips of networks that had not seen them.

    By method: of classifiers, and of the late fusions and ensembles of these, whose few weights were chosen on the same
    clips. No test clip is behind any of it, so that recipes can be chosen by it. Empty where there is no `cross_fit`.
    """
    of_seeds: dict[str, list[float]] = {}
    for one in (*unseen.scores, *combinations(unseen.scores, [unseen], params).scores):
        right = accuracy(unseen.labels, one.probabilities.argmax(axis=1))
        of_seeds.setdefault(one.method, []).append(round(right, 4))
    found = {name: {**summarise(np.array(right)), "by_seed": right} for name, right in of_seeds.items()}
    return {"out_of_fold": found} if found else {}
