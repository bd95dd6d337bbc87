"""Every backbone by its name in params, a user's own by its import path, and what a dataset decides about it."""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from models.amfi.r3d import R3D18
from models.cssi.dinet import DINetR
from models.cssi.resnet import FrameResNet
from models.cuts import Backbone
from models.epam.xnets import X3DM, X3DS, PoseXShiftNet, RGBXShiftNet
from models.errors import ModelParamError
from models.graph.aagcn import AAGCN
from models.graph.agcn import AGCN
from models.graph.ctrgcn import CTRGCN
from models.graph.graphs import Edges
from models.graph.stgcn import STGCN
from models.interaction.two_path import TwoPath
from models.preprocessing import JointInput

BackboneKind = Literal[
    "r3d18",
    "agcn",
    "aagcn",
    "ctrgcn",
    "stgcn",
    "frame_resnet",
    "dinet_r",
    "two_path",
    "rgb_xshift",
    "pose_xshift",
    "x3d_m",
    "x3d_s",
]

BACKBONES: dict[BackboneKind, type[Backbone]] = {
    "r3d18": R3D18,
    "agcn": AGCN,
    "aagcn": AAGCN,
    "ctrgcn": CTRGCN,
    "stgcn": STGCN,
    "frame_resnet": FrameResNet,
    "dinet_r": DINetR,
    "two_path": TwoPath,
    "rgb_xshift": RGBXShiftNet,
    "pose_xshift": PoseXShiftNet,
    "x3d_m": X3DM,
    "x3d_s": X3DS,
}


DATASET_DECIDES = frozenset({"in_channels", "edges", "num_joints", "num_people"})
"""Parameters of backbones that follow from the clips: no options of params."""


def build_backbone(options: Mapping[str, Any], *, shape: Sequence[int], edges: Edges = ()) -> Backbone:
    """The backbone that `options` describe: `kind` names it, the rest are its keywords.

    `shape` is one clip's input: (C, T, H, W) of videos and heatmaps, (C, T, V, M) of joints, which
    `edges` connect. A `kind` of `package.module:Class` is a user's own subclass of Backbone.
    """
    kind = options.get("kind")
    make = backbone_class(kind)
    given: dict[str, Any] = {"in_channels": shape[0]}
    if isinstance(make.expects, JointInput):
        given |= {"edges": edges, "num_joints": shape[2], "num_people": shape[3]}
    wanted = {name: value for name, value in options.items() if name != "kind"}
    free = sorted(set(inspect.signature(make).parameters) - DATASET_DECIDES)
    unknown = sorted(set(wanted) - set(free))
    if unknown:
        raise ModelParamError(f"model {kind!r} has no option {unknown[0]!r}; it has {free}")
    return make(**given, **wanted)


def backbone_class(kind: object) -> type[Backbone]:
    """The class that `kind` names. Raises ModelParamError."""
    if kind in BACKBONES:
        return BACKBONES[kind]
    if not isinstance(kind, str) or ":" not in kind:
        raise ModelParamError(
            f"model.kind must be one of {sorted(BACKBONES)}, or your own as 'package.module:Class', got {kind!r}"
        )
    module, _, name = kind.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ModelParamError(
            f"model.kind {kind!r} cannot be imported: {error}; install its package, or put its folder on PYTHONPATH"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Backbone) and hasattr(found, "expects")):
        raise ModelParamError(
            f"model.kind {kind!r} must be a subclass of models.cuts.Backbone that says what it `expects`"
        )
    return found


def code_of(kind: object) -> dict[str, str]:
    """What names the code of a user's own backbone: its file's sha256. Of ours nothing: recipes.lock knows it."""
    if kind in BACKBONES:
        return {}
    source = Path(inspect.getfile(backbone_class(kind))).read_bytes()
    return {"code": hashlib.sha256(source).hexdigest()}
