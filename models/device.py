"""The device that tensors are computed on: a GPU where there is one; the CPU's cores; and no device at all."""

import torch


def best_device() -> str:
    """Return `cuda` where torch can use a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def use_cores(count: int) -> None:
    """Let each of torch's operations on the CPU take up to `count` cores, in the whole process."""
    torch.set_num_threads(count)


def without_values() -> torch.device:
    """Return a context in which networks are built of shapes alone (torch's meta device): no memory, no values."""
    return torch.device("meta")


def emulates_bf16() -> bool:
    """Return whether this machine trains on an x86 CPU that computes bfloat16 in float32, many times slower."""
    can = torch.cpu.get_capabilities()
    native = can.get("avx512_bf16") or can.get("amx_bf16")
    return best_device() == "cpu" and can.get("architecture") == "x86_64" and not native
