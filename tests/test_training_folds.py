"""Parts that networks are trained without: whole people, dealt in turn, and the trainings behind each run."""

from typing import Any

import pytest

from pipeline.catalog.catalog import Catalog, Entry
from pipeline.errors import ParamError
from pipeline.params.params import HoldOut, PretrainParams
from pipeline.training.folds import divided, dividing
from pipeline.training.schedule import training_schedule
from pipeline.training.splits import SplitParts, parts_of
from pipeline.training.trainings import Ids, Phase, Training
from pipeline.values import Clip


@pytest.mark.parametrize(
    ("refit", "select", "epochs"), [(True, "best", 3), (True, "last", 9), (False, "best", 3)]
)
def test_behind_each_run_come_those_without_a_part(refit: bool, select: Any, epochs: int) -> None:
    """Two seeds, two parts, a selection run that finds its third epoch of nine the best."""
    asked: list[tuple[Any, ...]] = []

    def learn(seed: int, fit_on: Ids, select_on: Ids, epochs: int) -> Training:
        asked.append((seed, "".join(fit_on), "".join(select_on), epochs))
        phase: Phase = "selection" if select_on else "final"
        return Training("n", seed, phase, len(fit_on), 2, (), "", "", b"", from_cache=True)

    params = PretrainParams.model_construct(refit=refit, select=select, cross_fit=2)
    made = training_schedule(
        (0, 1), SplitParts(("a", "b", "c"), ("d",), ("t",)), 9, params, learn, lambda ids: (ids[:1], ids[1:])
    )
    arrays = [one.array for one in made]
    selected = [(0, "abc", "d", 9), (0, "bc", "", epochs), (0, "a", "", epochs)]
    if refit:
        final = [(seed, ids, "", epochs) for seed in (0, 1) for ids in ("abcd", "bcd", "a")]
        assert asked == selected + final
        networks = ["n_0_fold", "n_0", "n_1"]
    else:
        assert asked == selected + [(1, *rest) for _, *rest in selected]
        networks = ["n_0_fold", "n_1_fold"]
    assert arrays == [name + tail for name in networks for tail in ("", "_without0", "_without1")]


def catalog(*people: int) -> Catalog:
    """One clip of each of these people, in order."""
    entries = [
        Entry(
            Clip(f"c{number}", label=0, video="v.avi", subject=person),
            "a",
            "train",
            "0" * 64,
            None,
            usable=True,
        )
        for number, person in enumerate(people)
    ]
    return Catalog(tuple(entries), "own", "table", "whole_frame", "rgb", "subject", ("a", "b"))


def how(cross_fit: int, **hold_out: Any) -> PretrainParams:
    return PretrainParams.model_construct(
        cross_fit=cross_fit, hold_out=HoldOut(**{"groups": (7,), **hold_out}), selected_on="val"
    )


def test_parts_are_whole_people_dealt_in_turn() -> None:
    found = catalog(7, 8, 9, 7, 8, 5)
    ids = tuple(found.by_id)
    two, many = divided(found, ids, how(2)), divided(found, ids, how(9))
    assert sorted(clip_id for part in two for clip_id in part) == sorted(ids)
    whole = [{0, 3}, {1, 4}, {2}, {5}]
    for part in two:
        assert sum(group <= {int(clip_id[1:]) for clip_id in part} for group in whole) == 2
    assert sorted(map(len, many)) == [1, 1, 2, 2]  # as many as there are people
    assert divided(found, ids, how(0)) == ()
    by_clip = divided(found, ids, how(3, by="clip", groups=None))
    assert [len(part) for part in by_clip] == [2, 2, 2]
    assert by_clip == divided(found, ids[::-1], how(3, by="clip", groups=None))
    assert by_clip != divided(found, ids, how(3, by="clip", groups=None, seed=5))


@pytest.mark.parametrize(
    ("people", "count", "message"),
    [
        (
            (7, 8, 9),
            4,
            r"cross_fit: 4 parts, and the training clips are of 3 subject\(s\), .*: say 3 at most, or divide",
        ),
        (
            (7, 8, 8),
            2,
            r"the selection run fits clips of 1 subject\(s\) beside those held out, and needs two",
        ),
    ],
)
def test_too_few_people_are_refused(people: tuple[int, ...], count: int, message: str) -> None:
    found = catalog(*people)
    with pytest.raises(ParamError, match=message):
        dividing(found, parts_of(found, tuple(found.by_id), how(count)), how(count))
