"""Every backbone by its name in params, and what a dataset decides about it."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Literal

from models.agcn import AGCN, AGCN_LAYOUTS, Edges, GraphBlock
from models.cuts import Backbone
from models.errors import ModelParamError
from models.r3d import R3D18

BackboneKind = Literal["r3d18", "agcn"]

BACKBONES: dict[BackboneKind, type[Backbone]] = {"r3d18": R3D18, "agcn": AGCN}


def build_backbone(options: Mapping[str, Any], *, shape: Sequence[int], edges: Edges = ()) -> Backbone:
    """The backbone that `options` describe: `kind` names it, the rest are its keywords.

    `shape` is one clip's input: (C, T, H, W) of a video backbone, (C, T, V, M) of a skeleton backbone, whose
    joints `edges` connect.
    """
    if options.get("kind") == "r3d18":
        return _built(options, in_channels=shape[0])
    return _built(options, in_channels=shape[0], edges=edges, num_joints=shape[2], num_people=shape[3])


def _built(options: Mapping[str, Any], **given: Any) -> Backbone:
    kind, wanted = options.get("kind"), {name: value for name, value in options.items() if name != "kind"}
    if kind not in BACKBONES:
        raise ModelParamError(f"model.kind must be one of {sorted(BACKBONES)}, got {kind!r}")
    make = BACKBONES[kind]
    free = sorted(set(signature(make).parameters) - set(given))
    unknown = sorted(set(wanted) - set(free))
    if unknown:
        raise ModelParamError(f"model {kind!r} has no option {unknown[0]!r}; it has {free}")
    if "layout" in wanted:
        wanted["layout"] = _layout(wanted["layout"])
    return make(**given, **wanted)


def _layout(named: str | list[tuple[int, int]]) -> tuple[GraphBlock, ...]:
    """A name of AGCN_LAYOUTS, or [width, stride] of each block."""
    if isinstance(named, str):
        if named not in AGCN_LAYOUTS:
            raise ModelParamError(
                f"model.layout must be one of {sorted(AGCN_LAYOUTS)} or [[width, stride], …], got {named!r}"
            )
        return AGCN_LAYOUTS[named]
    return tuple(GraphBlock(width, stride) for width, stride in named)
