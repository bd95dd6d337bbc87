"""Refusal of more cross-fitted parts than the listed clips have groups, before any file is hashed."""

from typing import TYPE_CHECKING

from pipeline.datasets.protocol import Dataset
from pipeline.params.crossing import refuse_few_groups

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def refuse_uncrossed(dataset: Dataset, preset: "Preset") -> None:
    """Refuse more parts of the listed training clips than they have groups, of which selection holds out one at least.

    Raises ParamError.
    """
    protocol, how = preset.index.protocol, preset.pretrain
    if not how.cross_fit:
        return
    axis = "clip" if how.hold_out.by == "clip" else dataset.axis(protocol)
    training = [clip for clip in dataset.listing().clips if dataset.split(clip, protocol) == "train"]
    groups = {clip.clip_id if axis == "clip" else getattr(clip, axis) for clip in training}
    refuse_few_groups(how, len(groups), len(groups) - (how.selected_on == "val"), axis)
