"""The device that tensors are computed on: a GPU where there is one; and the CPU's cores."""

import torch


def best_device() -> str:
    """Return `cuda` where torch can use a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def use_cores(count: int) -> None:
    """Let each of torch's operations on the CPU take up to `count` cores, in the whole process."""
    torch.set_num_threads(count)
