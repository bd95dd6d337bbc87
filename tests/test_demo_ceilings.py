"""The demo's ceilings: of each modality, of their mean, of sums and of rules of both; on its table and on its clips."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from itertools import product

import numpy as np
import pytest
import yaml
from house import HOUSE
from numpy.typing import NDArray
from scipy.optimize import linprog

from pipeline.demo import FULL
from pipeline.demo.actions import (
    ACTIONS,
    CONTESTED,
    Shown,
    ceilings,
    pose_kind,
    skeleton_kind,
    trusted,
    video_kind,
)
from pipeline.demo.make import make_take
from pipeline.demo.record import record, subject
from pipeline.demo.scenario import Take, generator, plan

CLEAN = [take for take in plan(FULL) if take.flaw is None]
TEST = [take for take in CLEAN if take.subject in FULL.test_subjects]
BEST = {"skeleton": 60.0, "video": 50.0, "pose": 40.0, "mean": 80.0, "additive": 90.0, "both": 100.0}

Block = dict[tuple[str, str], Take]
"""The four contested clips of one scene, by depth and object."""


def blocks(takes: list[Take]) -> Iterator[Block]:
    scenes: dict[str, Block] = defaultdict(dict)
    for take in takes:
        if take.action.motion in CONTESTED:
            scenes[take.scene][take.shown.depth, str(take.shown.held)] = take
    yield from scenes.values()


def test_the_ceilings() -> None:
    assert ceilings() == BEST


def test_who_is_trusted_shows_the_action() -> None:
    assert trusted("front", "cup") == trusted("back", "ball") == "picture"
    assert trusted("front", "ball") == trusted("back", "cup") == "joints"
    for take in CLEAN:
        if take.action.motion not in CONTESTED:
            assert take.shown.seen == take.shown.tracked == take.action.motion
            continue
        by_picture = trusted(take.shown.depth, take.shown.held or "cup") == "picture"
        assert take.action.motion == (take.shown.seen if by_picture else take.shown.tracked)
        assert take.shown.seen != take.shown.tracked


@pytest.mark.parametrize("part", [FULL.train_subjects, FULL.test_subjects], ids=["train", "test"])
def test_contested_clips_come_in_blocks_and_every_pair_of_motions_as_often(part: tuple[int, ...]) -> None:
    of_part = list(blocks([take for take in CLEAN if take.subject in part]))
    assert {len(block) for block in of_part} == {4}
    for block in of_part:
        assert len({(take.shown.seen, take.shown.tracked) for take in block.values()}) == 1
    pairs = Counter((take.shown.seen, take.shown.tracked) for block in of_part for take in block.values())
    assert pairs == dict.fromkeys(
        [(a, b) for a, b in product(CONTESTED, repeat=2) if a != b], 4 * len(part) // 3
    )


@pytest.mark.parametrize(
    ("modality", "kind"), [("skeleton", skeleton_kind), ("video", video_kind), ("pose", pose_kind)]
)
def test_on_the_clean_clips_no_classifier_of_one_modality_can_pass_its_ceiling(
    modality: str, kind: Callable[[Shown], Hashable]
) -> None:
    """Twins share their random numbers, so a modality's clips fall into kinds that are equal throughout."""
    labels: dict[Hashable, Counter[int]] = defaultdict(Counter)
    for take in TEST:
        labels[take.scene, kind(take.shown)][take.action.code] += 1
    right = sum(max(counts.values()) for counts in labels.values())
    assert 100 * right / len(TEST) == BEST[modality]


def test_twins_files_are_equal_where_their_modality_does_not_tell_them_apart() -> None:
    block = next(blocks(TEST))
    files = {cell: make_take(take, seed=0) for cell, take in block.items()}

    def without_names(cell: tuple[str, str]) -> list[str]:
        text = files[cell].skeleton
        assert text is not None
        return [line for line in text.decode().split("\r\n") if not line.startswith("72057594")]

    assert without_names(("front", "cup")) == without_names(("front", "ball"))
    assert without_names(("front", "cup")) != without_names(("back", "cup"))
    title = [len(files[cell].video) for cell in (("front", "cup"), ("back", "cup"), ("front", "ball"))]
    assert title[0] == title[1] != title[2]


def separable(right: tuple[bool, ...]) -> bool:
    """Whether some p(held) + j(depth) prefers the picture's motion in each cell as these clips' labels ask for.

    `right` says for (front, cup), (front, ball), (back, cup), (back, ball) whether that clip is to be right.
    """
    rows = []
    for ok, (depth, held) in zip(right, product((0, 1), (0, 1)), strict=True):
        wanted = (1 if depth == held else -1) * (1 if ok else -1)
        row = np.zeros(4)
        row[[held, 2 + depth]] = -wanted
        rows.append(row)
    found = linprog(np.zeros(4), A_ub=np.array(rows), b_ub=-np.ones(4), bounds=(None, None))
    return bool(found.success)


def test_no_sum_of_scores_is_right_on_a_whole_block_and_some_is_on_three_of_four() -> None:
    """Every block has its labels crosswise, so this is so in all scenes, whatever a network knows of each."""
    assert max(sum(right) for right in product((False, True), repeat=4) if separable(right)) == 3
    for block in blocks(CLEAN):
        codes = [block[depth, held].action.code for depth in ("front", "back") for held in ("cup", "ball")]
        assert codes[0] == codes[3] != codes[1] == codes[2]


def test_a_sum_of_scores_reaches_its_ceiling_on_all_actions_at_once() -> None:
    """Each modality is the louder by what it alone sees; this sum errs on balls that swing to the back alone."""
    picture = {"cup": 12.0, "ball": 10.0, "nothing": 11.0}
    joints = {"front": 11.0, "back": 13.0}

    def scores(shown: Shown) -> NDArray[np.float64]:
        of = np.zeros(len(ACTIONS))
        for place, action in enumerate(ACTIONS):
            of[place] += picture[shown.held or "nothing"] * (action.motion == shown.seen)
            of[place] += joints[shown.depth] * (action.motion == shown.tracked)
            of[place] += (action.held == shown.held) + (action.depth == shown.depth)
        return of

    cases = [(place, shown) for place, action in enumerate(ACTIONS) for shown in action.shown()]
    weights = np.array([1 / len(ACTIONS[place].shown()) for place, _ in cases])
    right = np.array([int(scores(shown).argmax()) == place for place, shown in cases])
    assert 100 * float(weights @ right) / len(ACTIONS) == pytest.approx(BEST["additive"])


def test_the_report_draws_the_ceilings_of_the_demo() -> None:
    preset = yaml.safe_load((HOUSE / "params.yaml").read_text())["presets"]["demo"]
    drawn = preset["report"]["ceilings"]
    sums = ("average", "concatenation", "score_sum", "weighted_product")
    rules = ("multiplication", "max", "fused")  # of both modalities' features together
    assert drawn == {
        **{name: BEST[name] for name in ("video", "skeleton", "pose")},
        **dict.fromkeys(sums, BEST["additive"]),
        **dict.fromkeys(rules, BEST["both"]),
    }


def test_the_box_of_a_contested_clip_does_not_tell_what_the_joints_do() -> None:
    """But for a pixel: the box is the joints', and they carry noise."""
    edges = []
    for tracked in CONTESTED:
        shown = Shown("wave", tracked, "front", "cup")
        seen = record(shown, subject(0, 3, 1), camera=2, rng=generator(0, "one scene for all"))
        edges.append([seen.colour.min(axis=(0, 1, 2)), seen.colour.max(axis=(0, 1, 2))])
    assert np.ptp(np.array(edges), axis=0).max() < 1.5
