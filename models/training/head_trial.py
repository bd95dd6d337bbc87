"""A head tried on vectors without values, so that what it cannot compute is known before anything runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from models.device import without_values
from models.errors import ModelError
from models.head import Source, head_for

STAND_IN_CLASSES = 2
"""Number of classes of the classifiers and heads that are tried: the recordings tell the true one."""

CLIPS = 3
"""Number of clips in the batch that a head is tried on."""


def vector_fault(kind: str, dims: Sequence[int], options: Mapping[str, Any]) -> str:
    """Say why the head named `kind` cannot be built over vectors of these widths, or compute; empty where it can.

    It runs on torch's meta device: shapes alone are worked out.
    """
    try:
        with without_values():
            head = head_for(kind, STAND_IN_CLASSES, [Source((dim,)) for dim in dims], options)
    except (ModelError, TypeError, ValueError) as error:
        return str(error)
    given = f"{CLIPS} clips' vectors of {' and '.join(map(str, dims))} numbers, which a run may have"
    try:
        with without_values():
            logits = head(*(torch.zeros(CLIPS, dim) for dim in dims)).logits
    except Exception as error:  # noqa: BLE001 (a user's own code may raise anything)
        return f"{kind!r} fails on {given}: {type(error).__name__}: {error}"
    if logits.shape != (CLIPS, STAND_IN_CLASSES):
        return f"{kind!r} gives logits {tuple(logits.shape)} of {given}; expected (clips, classes)"
    return ""
