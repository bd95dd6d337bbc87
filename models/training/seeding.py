"""Randomness by name: a block of code draws from its own seed, the process's generators stay untouched."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import torch


def mix(*parts: int | str) -> int:
    """One 63-bit seed from several parts: mix(seed, epoch) differs from mix(seed + 1, epoch - 1)."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextmanager
def seeded(*parts: int | str, device: torch.device | str = "cpu") -> Iterator[None]:
    """Inside, torch draws from `mix(*parts)`; after it, the generators are as they were.

    Use it to make a model (`with seeded(seed, "init"): AGCN(...)`) and around an epoch with dropout.
    """
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(mix(*parts))
        yield
