"""Seeded randomness for a block of code that leaves the process's generators untouched."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import torch


def mix(*parts: int | str) -> int:
    """Hash several parts to one 63-bit seed: mix(seed, epoch) differs from mix(seed + 1, epoch - 1)."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextmanager
def seeded(*parts: int | str, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed torch's generators with `mix(*parts)` inside the block; restore their states after it.

    Use it to make a model (`with seeded(seed, "init"): AGCN(...)`) and around an epoch with dropout.
    """
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if devices:
            torch.manual_seed(mix(*parts))
        else:  # alone: torch's own would note a stack trace for each device that was not asked for
            torch.default_generator.manual_seed(mix(*parts))
        yield
