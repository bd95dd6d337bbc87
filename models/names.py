"""All backbones and heads by their name in params; nothing is imported before it is asked for."""

from typing import Literal

BackboneKind = Literal[
    "r3d18",
    "agcn",
    "aagcn",
    "ctrgcn",
    "stgcn",
    "stgcnpp",
    "frame_resnet",
    "dinet_r",
    "two_path",
    "rgb_xshift",
    "pose_xshift",
    "x3d_m",
    "x3d_s",
    "tsm",
    "slowonly",
    "slowonly_pose",
    "c3d_pose",
    "timm",
    "transformers",
]

BACKBONES: dict[BackboneKind, tuple[str, int]] = {
    "r3d18": ("models.amfi.r3d:R3D18", 1),
    "agcn": ("models.graph.agcn:AGCN", 1),
    "aagcn": ("models.graph.aagcn:AAGCN", 1),
    "ctrgcn": ("models.graph.ctrgcn:CTRGCN", 1),
    "stgcn": ("models.graph.stgcn:STGCN", 1),
    "stgcnpp": ("models.graph.stgcnpp:STGCNPlusPlus", 1),
    "frame_resnet": ("models.cssi.resnet:FrameResNet", 1),
    "dinet_r": ("models.cssi.dinet:DINetR", 1),
    "two_path": ("models.interaction.two_path:TwoPath", 1),
    "rgb_xshift": ("models.epam.xnets:RGBXShiftNet", 1),
    "pose_xshift": ("models.epam.xnets:PoseXShiftNet", 1),
    "x3d_m": ("models.epam.xnets:X3DM", 1),
    "x3d_s": ("models.epam.xnets:X3DS", 1),
    "tsm": ("models.epam.tsm:TSM", 1),
    "slowonly": ("models.epam.slowonly:SlowOnly", 1),
    "slowonly_pose": ("models.epam.slowonly:PoseSlowOnly", 1),
    "c3d_pose": ("models.epam.c3d:PoseC3D", 1),
    "timm": ("models.hub.timm_images:TimmImages", 1),
    "transformers": ("models.hub.transformers_clips:TransformersClips", 1),
}
"""Backbones: name → (import path of the class, version of its results).

Raise a version when what that network computes or learns changes: keys made with it then change, no others.
"""

OF_LIBRARIES: frozenset[BackboneKind] = frozenset({"timm", "transformers"})
"""Backbones whose networks an optional library has, by the option `name`."""

HeadKind = Literal[
    "amfi",
    "average",
    "multiplication",
    "max",
    "concatenation",
    "skeleton",
    "video",
    "linear",
    "classifier",
    "epam",
    "interaction",
    "last_block",
    "cssi",
]

HEADS: dict[HeadKind, tuple[str, int]] = {
    "amfi": ("models.amfi.fusion:AMFIFusion", 1),
    "average": ("models.amfi.baselines:average", 1),
    "multiplication": ("models.amfi.baselines:multiplication", 1),
    "max": ("models.amfi.baselines:maximum", 1),
    "concatenation": ("models.amfi.baselines:concatenation", 1),
    "skeleton": ("models.amfi.baselines:skeleton", 1),
    "video": ("models.amfi.baselines:video", 1),
    "linear": ("models.head:Linear", 1),
    "classifier": ("models.head:CachedClassifier", 1),
    "epam": ("models.epam.network:EPAMHead", 1),
    "interaction": ("models.interaction.head:InteractionHead", 1),
    "last_block": ("models.graph.last_block:LastBlockHead", 1),
    "cssi": ("models.cssi.head:CSSIHead", 1),
}
"""Heads over cached cuts: name → (import path, version of its results), as for BACKBONES."""
