"""Backbones of a modality that the dataset does not have: refused as soon as its folder was listed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import ParamError

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def refuse_absent(preset: "Preset", dataset: str, *, has_videos: bool, has_skeletons: bool) -> None:
    """Raise ParamError, with each place in the preset, where a backbone's input is none of the dataset's."""
    absent = {"video": not has_videos, "skeleton": not has_skeletons}
    mistakes = list(_mistakes(preset, {side for side, is_absent in absent.items() if is_absent}))
    if mistakes:
        raise ParamError(
            f"params.yaml does not fit the dataset {dataset!r}:\n"
            + "\n".join(f"  {line}" for line in mistakes)
        )


def refuse_blind(modality: str, dataset: str, *, without_boxes: bool) -> None:
    """Raise ParamError where poses are to be estimated and no colour video is there: modality `depth` or `none`.

    without_boxes: boxes around the dataset's skeletons are asked for, and it has none.
    """
    if without_boxes:
        raise ParamError(
            f"index.pose.boxes is skeleton, and the dataset {dataset!r} has no skeletons: take a detector, or the "
            "whole frame"
        )
    if modality != "rgb":
        there = "depth videos" if modality == "depth" else "skeletons alone"
        raise ParamError(
            f"index.pose estimates joints from colour videos, and the dataset {dataset!r} has {there}: take "
            "index.pose out, or let index.options name colour videos"
        )


def _mistakes(preset: "Preset", absent: set[str]) -> Iterator[str]:
    """A line a backbone; heatmaps are drawn from skeletons."""
    for name, backbone in preset.pretrain.backbones.items():
        side = "video" if backbone.modality == "video" else "skeleton"
        if side in absent:
            yield (
                f"pretrain.backbones.{name}.modality: {backbone.modality!r}, and there are no {side}s: take the "
                f"backbone out and say `train: {{{side}: []}}`, or let index.options name {side}s"
            )
