"""Where tensors go: a GPU where there is one."""

import torch


def best_device() -> str:
    """`cuda` where torch can use a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"
