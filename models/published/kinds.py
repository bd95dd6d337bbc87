"""Weights that others publish, by kind: the input that they were trained with, and their names (docs/models.md)."""

from typing import Any, Literal

from models.published.card import WeightsCard, video_card
from models.published.renames import CLASSIFIER, PublishedWeights, Rename
from models.training.published_weights import (
    IMAGENET_INPUT,
    KINETICS_INPUT,
    STEMS,
    TORCHVISION_OPTIONS,
    Network,
)

WeightsKind = Literal[
    "harcache",
    "torchvision_r3d_18",
    "torchvision_resnet18",
    "torchvision_resnet34",
    "torchvision_resnet50",
    "torchvision_mobilenet_v2",
    "2s_agcn",
    "ctr_gcn",
]
"""Our own files, which carry their card; or a state dict of others', whose card is in PUBLISHED."""

_NO_CLASSIFIER = Rename(r"^(fc|classifier)\.", None)
"""torchvision's, of ImageNet's or Kinetics's classes."""


def _image_weights(network: Network) -> PublishedWeights:
    """Of a FrameResNet's trunk: how many frames, how large, and what lies on top are free."""
    scaled = video_card({}, IMAGENET_INPUT).normalisation
    return PublishedWeights(
        WeightsCard("frame_resnet", {"network": network}, scaled),
        renames=(_NO_CLASSIFIER, Rename("^", "trunk.")),
        stem=f"trunk.{STEMS[network]}.weight",
        prefix="trunk.",
        free=frozenset(
            {"normalisation.frames", "normalisation.size", "options.corrected_fc", "options.frozen"}
        ),
    )


# ------------------------------------------------------------------- networks over joints

_NOT_FIXED = frozenset(f"normalisation.{name}" for name in ("stream", "num_frames", "length", "crop_share"))
"""What no file tells, or what a network that pools over time need not have as it was: its stream, and its frames."""


def _of_joints(
    model: str, renames: tuple[Rename, ...], *, options: dict[str, Any] | None = None, **rule: Any
) -> PublishedWeights:
    """Of a network of ten blocks over two people of NTU RGB+D, normalised by `rule` (SkeletonInput's fields)."""
    normalisation = {"layout": "ntu_25", "max_persons": 2, "joints": "either", **rule}
    turned = frozenset() if "x_axis" in rule else {"normalisation.x_axis"}
    return PublishedWeights(
        WeightsCard(model, options or {}, normalisation),
        renames,
        free=_NOT_FIXED | turned | {"options.dropout"},
        also={"normalisation.joints": ("metric",), "options.layout": ("official_10",)},
    )


_FC = Rename(r"^fc\.", CLASSIFIER)

_AGCN = (
    _FC,
    *(Rename(rf"^l{place + 1}\.", f"blocks.{place}.") for place in range(10)),
    Rename(r"\.(gcn|tcn)1\.", r".\1."),
)
"""Blocks l1 to l10, each of gcn1, tcn1 and residual."""

_CTR_GCN = (_FC, Rename(r"^ren_(low|mid|high|fin)\.", None))
"""Named as ours; FR-Head's files hold its losses' layers too, which only its training needs."""

PUBLISHED: dict[WeightsKind, PublishedWeights] = {
    "torchvision_r3d_18": PublishedWeights(
        video_card(TORCHVISION_OPTIONS, KINETICS_INPUT), (_NO_CLASSIFIER,), stem="stem.0.weight"
    ),
    "torchvision_resnet18": _image_weights("resnet18"),
    "torchvision_resnet34": _image_weights("resnet34"),
    "torchvision_resnet50": _image_weights("resnet50"),
    "torchvision_mobilenet_v2": _image_weights("mobilenet_v2"),
    "2s_agcn": _of_joints(
        "agcn", _AGCN, style="agcn", x_axis="left_to_right", num_frames=300, length="repeat"
    ),
    "ctr_gcn": _of_joints("ctrgcn", _CTR_GCN, style="ctr", num_frames=64, length="resize", crop_share=0.95),
}
"""Weights that others publish, by kind; our own files are not among them."""
