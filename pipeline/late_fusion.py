"""Late fusion: the class probabilities of the two single modalities, added. It learns nothing, or one number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SINGLE = ("video", "skeleton")
"""The methods that see one modality alone."""

SCORE_SUM, WEIGHTED_SUM = "score_sum", "weighted_sum"

WEIGHTS = np.linspace(0, 1, 21)
"""Shares of the skeleton that are tried."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one method with one seed said about some clips."""

    method: str
    seed: int
    probabilities: NDArray[np.float64]
    """(N, K)"""


def late_fusions(said: Sequence[Said], weight: float) -> list[Said]:
    """Of each seed that both modalities have: their plain mean, and their mean with `weight` on the skeleton."""
    by_name = {(one.method, one.seed): one.probabilities for one in said}
    video, skeleton = SINGLE
    seeds = [seed for method, seed in by_name if method == video and (skeleton, seed) in by_name]
    return [
        Said(name, seed, (1 - share) * by_name[video, seed] + share * by_name[skeleton, seed])
        for name, share in ((SCORE_SUM, 0.5), (WEIGHTED_SUM, weight))
        for seed in seeds
    ]


def skeleton_weight(held_out: Sequence[Said], labels: NDArray[np.int64]) -> float:
    """The skeleton's share at which held-out clips are likeliest; 0.5 where a modality was not asked.

    Held-out clips only: on clips that a backbone was fitted to, it is always sure, and the weight would not
    know which modality to trust.
    """
    by_name = {one.method: one.probabilities for one in held_out}
    if not set(SINGLE) <= by_name.keys():
        return 0.5
    rows = np.arange(len(labels))
    video, skeleton = (by_name[name][rows, labels] for name in SINGLE)
    likelihoods = [np.log((1 - w) * video + w * skeleton + 1e-12).mean() for w in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(likelihoods))])
