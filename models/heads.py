"""Builds a fusion head from its name in params: one of ours, or a user's own by its import path."""

from collections.abc import Callable
from functools import partial
from typing import Any

from models.errors import ModelParamError
from models.head import Head
from models.lookup import found_by_name
from models.names import HEADS


def build_head(kind: str, num_classes: int, **options: Any) -> Head:
    """Build a fresh head; `options` are its class's own, among them skeleton_dim and video_dim."""
    return head_class(kind)(num_classes, **options)


def head_class(kind: object) -> Callable[..., Head]:
    """Return what makes the head named `kind`: called with num_classes and its options. Raises ModelParamError."""
    found: Callable[..., Head] = found_by_name(kind, HEADS, "head")
    made = found.func if isinstance(found, partial) else found
    if not (isinstance(made, type) and issubclass(made, Head)):
        raise ModelParamError(f"head {kind!r} must be a subclass of models.head.Head")
    return found
