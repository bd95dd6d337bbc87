"""Stage `enhance`: train Zero-DCE on a dataset's own dark frames, without reference; crop then uses its weights."""

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.device import best_device, use_cores
from models.files import torch_bytes
from models.night.zerodce_fit import EnhancerPlan, fit_zero_dce
from pipeline.build.aside import refuse_withdrawn
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.catalog.opened import opened_catalog
from pipeline.files import write_whole
from pipeline.inputs.frame_draws import training_frames
from pipeline.paths import Paths


@dataclass(frozen=True)
class Enhancer:
    """Result of the training."""

    out: Path
    sha256: str
    clips: int
    losses: tuple[float, ...]
    """Mean of each epoch."""
    seconds: float

    def __str__(self) -> str:
        return (
            f"enhance: {len(self.losses)} epochs on one frame each of {self.clips} training clips in "
            f"{self.seconds:.0f} s, loss {self.losses[0]:.3f} to {self.losses[-1]:.3f}; for a recipe of crop:\n"
            f"enhance: {{kind: zero_dce, weights: {self.out}, sha256: {self.sha256}}}"
        )


def run(paths: Paths, options: RunOptions, *, recipe: str, out: Path, plan: EnhancerPlan) -> Enhancer:
    """Learn from the training clips of `recipe` in frames.zarr, and write a plain state dict to `out`."""
    use_cores(options.cores)
    began = time.monotonic()
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    store = paths.need(paths.store("frames"), "crop")
    refuse_withdrawn(paths.open_cache(), pinned(store))
    frames = training_frames(store, catalog, recipe, batch=plan.batch, seed=plan.seed)
    network, losses = fit_zero_dce(
        frames,
        plan,
        device=best_device(),
        progress=None if options.quiet else _printer(plan.epochs),
    )
    content = torch_bytes(network.state_dict())
    write_whole(out, content)
    sha256 = hashlib.sha256(content).hexdigest()
    return Enhancer(out, sha256, len(frames.ids), losses, time.monotonic() - began)


def _printer(epochs: int) -> Callable[[int, float], None]:
    return lambda epoch, loss: print(
        f"enhance: epoch {epoch + 1} of {epochs}, loss {loss:.3f}", file=sys.stderr
    )
