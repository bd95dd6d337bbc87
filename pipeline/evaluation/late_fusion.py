"""Late fusion: the class probabilities of two methods, one a modality, combined with at most one learned number."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shown import ShownByShape

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams

Floats = NDArray[np.float64]

SINGLE = ("video", "skeleton")
"""The methods that use one modality alone."""

SCORE_SUM, WEIGHTED_PRODUCT = "score_sum", "weighted_product"

ALIKE = "none, all weigh alike"
"""Value of `weighed_on` in metrics.json where no clips chose the weights."""

EM_STEPS = 500
"""Steps of expectation maximisation over an ensemble's weights."""

WEIGHTS = np.linspace(0, 1, 21)
"""Candidate weights of the skeleton."""

LEAST = 1e-12
"""Lower bound of a probability, so that one modality's certainty can be outvoted."""


@dataclass(frozen=True, slots=True, repr=False)
class Scores(ShownByShape):
    """Class probabilities that one method with one seed gives to some clips."""

    method: str
    seed: int
    probabilities: Floats
    """(N, K) in [0, 1]: N clips, K classes."""
    gates: Floats | None = None
    """(N,) in (0, 1): the gate's mean over channels for each clip, of a head that has one."""


def late_fusions(
    scores: Sequence[Scores], weight: float, methods: tuple[str, str] = SINGLE, seedless: Collection[str] = ()
) -> list[Scores]:
    """For each seed that both of `methods` have: their mean, and their product with `weight` on the second.

    Scores of a method that is `seedless`, which ran elsewhere and once, go with every seed of the other.
    """
    video, skeleton = (
        {one.seed: one.probabilities for one in scores if one.method == name} for name in methods
    )
    if methods[0] in seedless and methods[1] not in seedless:
        video = {seed: one for seed in skeleton for one in video.values()}
    if methods[1] in seedless and methods[0] not in seedless:
        skeleton = {seed: one for seed in video for one in skeleton.values()}
    pairs = {seed: (one, skeleton[seed]) for seed, one in video.items() if seed in skeleton}
    sums = [Scores(SCORE_SUM, seed, (video + skeleton) / 2) for seed, (video, skeleton) in pairs.items()]
    products = [Scores(WEIGHTED_PRODUCT, seed, product(*pair, weight)) for seed, pair in pairs.items()]
    return [*sums, *products]


def product(video: Floats, skeleton: Floats, weight: float) -> Floats:
    """Compute video^(1 - weight) · skeleton^weight, normalised to sum 1 for each clip: (N, K)."""
    logs = (1 - weight) * np.log(video + LEAST) + weight * np.log(skeleton + LEAST)
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True, repr=False)
class Judged(ShownByShape):
    """Answers of several methods to the same clips, whose classes are known."""

    clips: str
    """Name of the clips, as metrics.json has it."""
    probabilities: tuple[Floats, ...]
    """(S N, K) of each method: S seeds of N clips."""
    labels: NDArray[np.int64]
    """(S N,)."""


@dataclass(frozen=True, slots=True, repr=False)
class Unseen(ShownByShape):
    """Scores of N clips that nothing behind a score was fitted to: what weights are chosen on."""

    clips: str
    """Name of the clips, as metrics.json has it."""
    scores: Sequence[Scores]
    labels: NDArray[np.int64]
    """(N,): the clips' classes."""

    def of(self, methods: Sequence[str]) -> Judged | None:
        """Return what each of `methods` says of the clips; None where they have no seed in common here."""
        by_seed = [
            {one.seed: one.probabilities for one in self.scores if one.method == name} for name in methods
        ]
        seeds = sorted(set.intersection(*(set(one) for one in by_seed)))
        if not seeds:
            return None
        found = tuple(np.concatenate([one[seed] for seed in seeds]) for one in by_seed)
        return Judged(self.clips, found, np.tile(self.labels, len(seeds)))


def _judged(unseen: Sequence[Unseen], methods: Sequence[str]) -> Judged | None:
    """Return what the first of `unseen` that has all `methods` knows of them."""
    return next(filter(None, (one.of(methods) for one in unseen)), None)


def _clips(unseen: Sequence[Unseen], methods: Sequence[str]) -> str:
    judged = _judged(unseen, methods)
    return ALIKE if judged is None else judged.clips


def skeleton_weight(members: Sequence[Floats], labels: NDArray[np.int64]) -> float:
    """Choose the weight of the skeleton in `product` by likelihood on clips that neither was fitted to.

    Such clips only: a backbone is always sure on clips that it was fitted to, and the weight would not
    know which modality to trust. `members` are the video's (N, K) probabilities and the skeleton's, `labels` (N,).
    """
    video, skeleton = members
    rows = np.arange(len(labels))
    likelihoods = [np.log(product(video, skeleton, w)[rows, labels] + LEAST).mean() for w in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(likelihoods))])


@dataclass(frozen=True, slots=True, repr=False)
class Combined(ShownByShape):
    """Scores that combine those of other methods, and what metrics.json tells of their weights."""

    scores: list[Scores]
    facts: dict[str, Any]


def combinations(scores: Sequence[Scores], unseen: Sequence[Unseen], params: "HeadParams") -> Combined:
    """Return late fusions and ensembles of `scores`, each weighed on the first of `unseen` that has all its members.

    Where none has, as where a member ran elsewhere, all weigh alike.
    """
    judged = _judged(unseen, params.late_fusion)
    weight = 0.5 if judged is None else skeleton_weight(judged.probabilities, judged.labels)
    fused = late_fusions(scores, weight, params.late_fusion, params.scores)
    joined, weights = ensembles([*scores, *fused], unseen, params.ensembles, params.equal_weights)
    on = {
        name: ALIKE if name in params.equal_weights else _clips(unseen, members)
        for name, members in params.ensembles.items()
    }
    on |= {WEIGHTED_PRODUCT: _clips(unseen, params.late_fusion)} if fused else {}
    told = {"ensembles": weights} if weights else {}
    return Combined(
        [*fused, *joined], {"skeleton_weight": weight, **told, **({"weighed_on": on} if on else {})}
    )


def ensembles(
    scores: Sequence[Scores],
    unseen: Sequence[Unseen],
    asked: Mapping[str, Sequence[str]],
    alike: Collection[str] = (),
) -> tuple[list[Scores], dict[str, dict[str, float]]]:
    """Add the class probabilities of several methods, with weights that `unseen` clips choose, for each common seed.

    Returns the scores, and the members' weights, of sum 1, by ensemble; equal ones for the ensembles that are `alike`,
    and where no clips judge all members.
    """
    found: list[Scores] = []
    weights: dict[str, dict[str, float]] = {}
    for name, members in asked.items():
        judged = None if name in alike else _judged(unseen, members)
        even = np.full(len(members), 1 / len(members))
        shares = even if judged is None else mixture_weights(judged.probabilities, judged.labels)
        weights[name] = dict(zip(members, shares.round(4).tolist(), strict=True))
        of_seeds = [{one.seed: one for one in scores if one.method == member} for member in members]
        for seed in sorted(set.intersection(*(set(one) for one in of_seeds))):
            parts = np.stack([one[seed].probabilities for one in of_seeds])
            found.append(Scores(name, seed, np.tensordot(shares, parts, axes=1)))
    return found, weights


def mixture_weights(members: Sequence[Floats], labels: NDArray[np.int64]) -> Floats:
    """Return the weights, (M,) of sum 1, under which the members' mean is likeliest on these clips.

    `members` are (N, K) probabilities each. The likelihood has one maximum over weights, to which expectation
    maximisation rises from equal ones; it needs no grid, which for six streams would have thousands of points.
    """
    rows = np.arange(len(labels))
    of_truth = np.stack([probabilities[rows, labels] for probabilities in members]) + LEAST
    weights = np.full(len(members), 1 / len(members))
    for _ in range(EM_STEPS):
        shares = weights[:, None] * of_truth
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return np.asarray(weights)


def methods_left_out(train: "HeadParams", scored: Collection[str]) -> dict[str, Any]:
    """Return, for metrics.json, the usual methods that one modality alone cannot have; empty where both are there."""
    empty = [side for side in SINGLE if not getattr(train, side)]
    usual = [*type(train).model_fields["methods"].default, SCORE_SUM, WEIGHTED_PRODUCT]
    absent = [method for method in usual if method not in scored]
    return {"left_out": {"methods": absent, "for_want_of": empty[0]}} if empty else {}


def left_out_note(absent: Mapping[str, Any]) -> str:
    """Format what `methods_left_out` returned, or metrics.json has of it, as a clause; "" where nothing is left out."""
    if "left_out" not in absent:
        return ""
    found = absent["left_out"]
    return f"left out, for there are no {found['for_want_of']} features: {', '.join(found['methods'])}"
