"""The device that tensors are computed on: a GPU where there is one; the CPU's cores; and no device at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def best_device() -> str:
    """Return `cuda` where torch can use a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def use_cores(count: int) -> None:
    """Let each of torch's operations on the CPU take up to `count` cores, in the whole process."""
    torch.set_num_threads(count)


class _Undrawn(TorchFunctionMode):
    """Numbers are not drawn: on the meta device torch would import its compiler to draw none."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWS or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


_DRAWS = frozenset({torch.Tensor.normal_, torch.Tensor.uniform_})
"""What fills a parameter outside torch.nn.init."""


@contextmanager
def without_values() -> Iterator[None]:
    """Return a context in which networks are built of shapes alone (torch's meta device): no memory, no values."""
    with torch.device("meta"), _Undrawn():
        yield


def emulates_bf16() -> bool:
    """Return whether this machine trains on an x86 CPU that computes bfloat16 in float32, many times slower."""
    can = torch.cpu.get_capabilities()
    native = can.get("avx512_bf16") or can.get("amx_bf16")
    return best_device() == "cpu" and can.get("architecture") == "x86_64" and not native
