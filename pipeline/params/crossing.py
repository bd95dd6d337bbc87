"""Refusals of `pretrain.cross_fit`: too few groups of training clips, and cuts of which rows cannot be exchanged."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.errors import ParamError
from pipeline.params.sections import Mistake

if TYPE_CHECKING:
    from pipeline.params.params import Preset, PretrainParams
    from pipeline.params.streams import DeclaredInput

CROSSED_KINDS = ("vector", "logits")
"""Kinds of head input whose rows may come from another network: vectors are rotated, logits agree as they are."""


def refuse_few_groups(how: "PretrainParams", training: int, fitted: int, axis: str) -> None:
    """Refuse more parts than there are groups in training, and selection runs that have one group to fit.

    Raises ParamError; `training` and `fitted` count the groups of the whole training part, and without those held out.
    """
    if how.cross_fit > training:
        raise ParamError(
            f"pretrain.cross_fit: {how.cross_fit} parts, and the training clips are of {training} {axis}(s), which are "
            f"never divided: say {training} at most, or divide single clips (pretrain.hold_out: {{by: clip}})"
        )
    if how.cross_fit and fitted < 2:
        raise ParamError(
            f"pretrain.cross_fit: the selection run fits clips of {fitted} {axis}(s) beside those held out, and needs "
            "two, each to be left out once: hold out fewer (pretrain.hold_out), or say cross_fit: 0"
        )


def uncrossed_cuts(preset: "Preset", method: str, inputs: Sequence["DeclaredInput"]) -> Iterator[Mistake]:
    """Yield the inputs of a head that `cross_fit` cannot take from networks trained without a part."""
    for one in inputs if preset.pretrain.cross_fit else ():
        if one.kind not in CROSSED_KINDS:
            yield (
                ("train", "methods"),
                f"{method!r} takes the {one.kind} {one.cut!r} of its {one.stream}, and pretrain.cross_fit is "
                f"{preset.pretrain.cross_fit}: only vectors and logits of networks trained apart can be exchanged; "
                f"leave {method!r} out, or say cross_fit: 0",
            )
