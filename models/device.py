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
