"""Section `train.scores`: class scores of methods that ran elsewhere, as rows beside our own."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.params.pose import Sha256
from pipeline.params.sections import Mistake, Section, nearest

TAKEN = (
    *("fused", "score_sum", "weighted_product", "dataset", "protocol", "seeds", "clips", "resampling"),
    *("selected_on", "fusion", "backbone_seeds", "on_both_sides", "cross_fit", "skeleton_weight", "left_out"),
    *("imported", "confused_pairs", "small_samples", "ensembles"),
)
"""Words of metrics.json that mean something else there."""


class ScoresFile(Section):
    """A file of class scores by clip id."""

    path: str
    """A `.pkl`, `.npz` or `.csv` file: absolute, or from the project's folder. Nothing is ever fetched."""
    sha256: Sha256
    """The file's digest, 64 hex digits: other bytes under the path are refused, and a new digest runs `train` again."""


def score_name_mistakes(names: Collection[str], methods: Collection[str]) -> Iterator[Mistake]:
    """Yield names of scores that stand for something else already; `methods` are those of our own."""
    for name in names:
        if name in methods:
            yield ("train", "scores", name), f"{name!r} is a method of ours too; give the scores another name"
        if name in TAKEN:
            yield (
                ("train", "scores", name),
                f"{name!r} is a word of metrics.json; give the scores another name",
            )


def ensemble_mistakes(
    ensembles: Mapping[str, Collection[str]], methods: Collection[str]
) -> Iterator[Mistake]:
    """Yield members that are none of `methods`, and names of ensembles that stand for something else already."""
    for name, members in ensembles.items():
        place = ("train", "ensembles", name)
        for member in members:
            if member not in methods:
                near = nearest(member, sorted(methods))
                yield place, f"no {member!r}{near}; methods: {sorted(methods)}"
        if name in methods or name in TAKEN:
            yield place, f"{name!r} stands for something else in metrics.json; give the ensemble another name"
