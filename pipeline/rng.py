"""Random generators that depend on names, never on order: the same clip draws the same in any worker."""

import hashlib

import numpy as np


def rng_for(*names: str | int) -> np.random.Generator:
    """A Generator seeded by `names` alone, such as ("augment", seed, epoch, batch)."""
    digest = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
