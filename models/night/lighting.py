"""Lighting of crops by Zero-DCE, arrays in and arrays out, with the same bytes in every process."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.night.zerodce import ShareCurves, ZeroDCE, enhance_frames, load_zero_dce


class ZeroDCELight:
    """Zero-DCE as `crop` finds it by its name; the network is read once a process."""

    def read(self, weights: Path, sha256: str) -> None:
        """Read the network before the first clip. Raises CheckpointError as `load_zero_dce` does."""
        _network(weights, sha256)

    def __call__(
        self, crops: NDArray[np.uint8], weights: Path, *, sha256: str, share_curves: ShareCurves
    ) -> NDArray[np.uint8]:
        """(A, T, H, W, 3) → the same, brightened; on a CPU and in one thread, so that any worker makes the same bytes.

        Raises CheckpointError as `load_zero_dce` does.
        """
        torch.set_num_threads(1)  # how many are free differs between workers, and sums with it
        frames = torch.from_numpy(crops)
        lit: NDArray[np.uint8] = enhance_frames(
            _network(weights, sha256), frames, share_curves=share_curves
        ).numpy()
        return lit


@lru_cache(maxsize=4)
def _network(weights: Path, sha256: str) -> ZeroDCE:
    return load_zero_dce(weights, sha256=sha256)
