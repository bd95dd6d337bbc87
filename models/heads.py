"""Every fusion head by its name in params: one dict beside the Literal."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from models.amfi.baselines import PlainFusion
from models.amfi.fusion import AMFIFusion
from models.errors import ModelParamError
from models.head import Head

HeadKind = Literal["amfi", "average", "multiplication", "max", "concatenation", "skeleton", "video"]

HEADS: dict[HeadKind, Callable[..., Head]] = {
    "amfi": AMFIFusion,
    "average": partial(PlainFusion, kind="average"),
    "multiplication": partial(PlainFusion, kind="multiplication"),
    "max": partial(PlainFusion, kind="max"),
    "concatenation": partial(PlainFusion, kind="concatenation"),
    "skeleton": partial(PlainFusion, kind="skeleton"),
    "video": partial(PlainFusion, kind="video"),
}


def build_head(kind: HeadKind, num_classes: int, **options: Any) -> Head:
    """A fresh head; `options` are its class's own, among them skeleton_dim and video_dim."""
    if kind not in HEADS:
        raise ModelParamError(f"head must be one of {sorted(HEADS)}, got {kind!r}")
    return HEADS[kind](num_classes, **options)
