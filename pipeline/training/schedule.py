"""Schedule of trainings: a selection run, the final runs, and those of each run without one part of its clips."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.training.splits import SplitParts
from pipeline.training.trainings import Ids, Phase, Training

if TYPE_CHECKING:
    from pipeline.params.params import PretrainParams

Learn = Callable[[int, Ids, Ids, int], Training]
"""A function from (seed, clips to fit, validation clips, epochs) to a training."""

Divide = Callable[[Ids], Sequence[Ids]]
"""A function from the clips that a network is fitted to, to the parts that others like it are trained without."""


def training_schedule(
    seeds: Sequence[int],
    parts: SplitParts,
    epochs: int,
    how: "PretrainParams",
    learn: Learn,
    divide: Divide = lambda _: (),
) -> Iterator[Training]:
    """Run the first seed's selection run, then every seed's final run on the whole training part.

    The final runs take as many epochs as selection chose, or all where `how.select` is `last`. Without
    `how.refit`, each seed's selection run is its final one. Behind each run come those that are trained without one of
    the parts into which `divide` divides its clips, for as many epochs as selection chose.
    """

    def without_each(phase: Phase, seed: int, fit_on: Ids, epochs: int) -> Iterator[Training]:
        for part, left_out in enumerate(map(frozenset, divide(fit_on))):
            rest = tuple(clip_id for clip_id in fit_on if clip_id not in left_out)
            yield replace(learn(seed, rest, (), epochs), phase=phase, part=part, cross_fit=how.cross_fit)

    chosen = epochs
    for place, seed in enumerate(seeds):
        if place == 0 or not how.refit:
            selection = learn(seed, parts.fit, parts.select, epochs)
            yield selection
            chosen = selection.best_epoch + 1 if how.select == "best" else epochs
            yield from without_each("selection", seed, parts.fit, chosen)
        if how.refit:
            yield learn(seed, parts.training, (), chosen)
            yield from without_each("final", seed, parts.training, chosen)
