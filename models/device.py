"""The device that tensors are computed on: a GPU where there is one."""

import torch


def best_device() -> str:
    """Return `cuda` where torch can use a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"
