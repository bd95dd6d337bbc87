"""Printing values that hold tensors: shapes instead of numbers."""

from dataclasses import fields

from torch import Tensor


class ShownByShape:
    """A dataclass made with `repr=False` that prints `logits=float32(8, 60)` where it holds tensors."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = (f"{f.name}={_short(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_short(inner)}' for name, inner in value.items())}}}"
    return repr(value)
