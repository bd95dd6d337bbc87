"""Checks of input tensors: the error names the expected and the given shape."""

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from models.errors import ModelParamError, ShapeError

Axis: TypeAlias = "str | tuple[str, int]"
"""An axis by its letter (`T`), with its exact size (`C=3`), or with its least size (`("T", 16)`)."""


def check_input(name: str, x: Tensor, axes: Sequence[Axis]) -> None:
    """Refuse a tensor that is not floating, lacks a clip or has other axes. Raises ShapeError.

    The first axis is the batch. `check_input("joints", x, ("B", "C=3", ("T", 4), "V=25", "M=2"))` refuses
    joints of 17 points, clips of 3 frames, integer tensors and empty batches.
    """
    # x.shape[0], not len(x): torch.export would take the number of clips for fixed
    if not (x.is_floating_point() and x.ndim == len(axes) and x.shape[0] > 0 and _sizes_fit(x, axes)):
        kind = str(x.dtype).removeprefix("torch.")
        expected = ", ".join(_spelled(axis) for axis in axes)
        raise ShapeError(
            f"{name} must be ({expected}) of floats with {_spelled(axes[0])} of 1 or more, "
            f"got {tuple(x.shape)} of {kind}"
        )


def _sizes_fit(x: Tensor, axes: Sequence[Axis]) -> bool:
    for size, axis in zip(x.shape, axes, strict=True):
        if isinstance(axis, tuple) and size < axis[1]:
            return False
        if isinstance(axis, str) and "=" in axis and size != int(axis.partition("=")[2]):
            return False
    return True


def _spelled(axis: Axis) -> str:
    return axis.rpartition("=")[2] if isinstance(axis, str) else f"{axis[0]} ≥ {axis[1]}"


def segmented(shape: tuple[int, ...], axis: int, segments: int | None, cut: str) -> tuple[int, ...]:
    """Return a shape with so many segments along `axis` of its frames; unchanged where `segments` is None.

    Raises ModelParamError, which names the cut, for more segments than frames.
    """
    if segments is None:
        return shape
    if segments > shape[axis]:
        raise ModelParamError(
            f"{segments} segments cannot be drawn from the {shape[axis]} frames of the cut {cut!r}: raise `num_frames` "
            "of its sampling or input, or draw fewer"
        )
    return (*shape[:axis], segments, *shape[axis + 1 :])
