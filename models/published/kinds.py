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
    "sf_head_ctrgcn",
    "pyskl_aagcn",
    "pyskl_ctrgcn",
    "pyskl_stgcnpp",
    "pyskl_slowonly",
    "pyskl_c3d",
    "tsm_resnet50",
    "timm",
    "transformers",
    "epam_net_rgb",
    "epam_net_pose",
]
"""Our own files, which carry their card; or others', whose card is in PUBLISHED.

That of timm's and transformers' lies beside the file.
"""

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

_SF_HEAD = (
    *_CTR_GCN,
    Rename(r"^(l\d+)\.(?!gcn1|tcn1|residual)\w+\.", r"\1.sf_head."),
    *(
        Rename(rf"\.sf_head\.{theirs}\.conv\.", f".sf_head.gates.{ours}.")
        for theirs, ours in (("cv", "temporal"), ("tc", "spatial"), ("tv", "channel"))
    ),
)
"""A block's head may bear any name: the authors publish the module alone. Gates are named by the axes they keep."""

_PYSKL = (
    Rename(r"^cls_head\.fc_cls\.", CLASSIFIER),
    Rename(r"^backbone\.A$", None),
    Rename(r"^backbone\.", ""),
    *(Rename(rf"^(gcn|net)\.{place}\.", f"l{place + 1}.") for place in range(10)),
)
"""Blocks from 0; the skeleton's graph, of which the blocks' graphs were begun, is kept beside them."""

_PYSKL_GCN_TCN = (
    *_PYSKL,
    Rename(r"^(l\d+)\.(gcn|tcn)\.", r"\1.\g<2>1."),
    Rename(r"\.gcn1\.A$", ".gcn1.PA"),
)
"""AAGCN and ST-GCN++: blocks of `gcn` and `tcn`, of which `gcn` holds the learned graph."""

_PYSKL_CTRGCN = (
    *_PYSKL,
    Rename(r"\.gcn1\.A$", ".gcn1.PA", "transposed"),
    Rename(r"\.conv1\.", ".theirs_1."),
    Rename(r"\.conv2\.", ".conv1."),
    Rename(r"\.theirs_1\.", ".conv2."),
    Rename(r"\.conv4\.weight$", ".conv4.weight", "negated"),
)
"""PYSKL sends joint u to joint v by the entry that CTR-GCN uses from v to u.

As tanh is odd, transposed graphs, exchanged conv1 and conv2 and a negated conv4 are the same computation.
"""

_PYSKL_CONVOLUTIONS = (Rename(r"^cls_head\.fc_cls\.", CLASSIFIER), Rename(r"^backbone\.", ""))

_TSM = (
    Rename(r"^new_fc\.", CLASSIFIER),
    Rename(r"^base_model\.", "trunk."),
    Rename(r"\.conv1\.net\.", ".conv1."),
)
"""The official code wraps each block's first convolution in its shift."""


def _epam_net(mine: str, other: str) -> tuple[Rename, ...]:
    """One trunk of the whole network, or of the trunk's own file; the attention lies in the head, not in the trunk."""
    return (
        Rename(rf"^({other}_backbone|{other}_cls_head|attention_module)\.", None),
        Rename(rf"^({mine}_)?cls_head\.fc_cls\.", CLASSIFIER),
        Rename(rf"^({mine}_)?backbone\.", ""),
    )


_EPAM_MAPS = {
    "layout": "coco_17",
    "size": (56, 56),
    "sigma": 0.6,
    "with_joints": True,
    "with_limbs": False,
    "use_score": True,
}

_MAPS_FREE = frozenset(f"normalisation.{name}" for name in ("frames", "bones", "min_score", "dtype"))
"""What a network that pools over time takes as it comes, and what draws the same maps."""


def _of_posec3d(model: str) -> PublishedWeights:
    """Of PoseC3D: trained on maps of 56 × 56 cells, tested on 64 × 64."""
    return PublishedWeights(
        WeightsCard(model, {}, _EPAM_MAPS),
        _PYSKL_CONVOLUTIONS,
        free=_MAPS_FREE,
        also={"normalisation.size": ([64, 64],)},
    )


def _of_pixels(model: str, renames: tuple[Rename, ...], stem: str, frames: int) -> PublishedWeights:
    """Of a network over frames with ImageNet's mean and std, which takes any number and size of them."""
    scaled = {"mean": list(IMAGENET_INPUT.mean), "std": list(IMAGENET_INPUT.std)}
    return PublishedWeights(
        WeightsCard(model, {}, {"frames": frames, "size": 224, **scaled}),
        renames,
        stem=stem,
        free=frozenset({"normalisation.frames", "normalisation.size"}),
    )


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
    "sf_head_ctrgcn": _of_joints(
        "ctrgcn",
        _SF_HEAD,
        options={"sf_head": 8},
        style="ctr",
        num_frames=64,
        length="resize",
        crop_share=0.95,
    ),
    "pyskl_aagcn": _of_joints(
        "aagcn", _PYSKL_GCN_TCN, style="pyskl", x_axis="left_to_right", num_frames=100, length="resize"
    ),
    "pyskl_ctrgcn": _of_joints(
        "ctrgcn",
        _PYSKL_CTRGCN,
        options={"time_relu": True},
        style="pyskl",
        x_axis="left_to_right",
        num_frames=100,
        length="resize",
    ),
    "pyskl_stgcnpp": _of_joints(
        "stgcnpp",
        _PYSKL_GCN_TCN,
        style="pyskl",
        x_axis="left_to_right",
        num_frames=100,
        length="resize",
    ),
    "pyskl_slowonly": _of_posec3d("slowonly_pose"),
    "pyskl_c3d": _of_posec3d("c3d_pose"),
    "tsm_resnet50": _of_pixels("tsm", _TSM, "trunk.conv1.weight", frames=8),
    "epam_net_rgb": _of_pixels("rgb_xshift", _epam_net("rgb", "pose"), "conv1_s.conv.weight", frames=16),
    "epam_net_pose": PublishedWeights(
        WeightsCard("pose_xshift", {}, _EPAM_MAPS),
        _epam_net("pose", "rgb"),
        free=_MAPS_FREE | {"options.frame_stride"},
    ),
}
"""Weights that others publish, by kind; our own files are not among them."""
