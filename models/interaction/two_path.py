"""The spatiotemporal interaction network: a sparse and a dense 3-D ResNet-50 that interact after every block.

SPEC 4; the paper has no code, it builds on SlowFast. B clips, C channels, T frames, H × W pixels.
The paper's classifier is `Classifier(TwoPath(), num_classes, dropout=0.5)`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

from torch import Tensor, nn

from models.checks import check_input
from models.cuts import FEATURES, Backbone, Cut
from models.errors import ModelParamError, ShapeError
from models.interaction.attention import AxisQKV, Interaction, InteractionPlan, LastInteraction, means
from models.interaction.bottleneck3d import (
    DENSE_KERNELS,
    DEPTHS,
    NUM_STAGES,
    SPARSE_KERNELS,
    Depth,
    Path3d,
    PathPlan,
    Sampling,
    TemporalKernels,
    stage_channels,
)
from models.interaction.laterals import Lateral
from models.preprocessing import VideoInput

Variant = Literal["dense", "sparse", "both", "full"]
"""Rows 1 to 4 of Table 3: either path alone, both side by side, and both with the interaction."""

MIN_SIZE = 32
"""Least H and W in pixels: a path halves them five times."""

_MAP_DIMS = ("channel", "frame", "y", "x")
_MAPS_SERVE = "the fourth interaction and the classifier (LastInteraction); nothing that lies before them"

CUTS = (
    Cut(FEATURES, ("channel",), "the classifier"),
    Cut("gap", ("channel",), "heads on the means of both paths, without the fourth interaction"),
    Cut("sparse_map", _MAP_DIMS, _MAPS_SERVE, dtype="float16"),
    Cut("dense_map", _MAP_DIMS, _MAPS_SERVE, dtype="float16"),
)

_MISSING: dict[Variant, tuple[str, ...]] = {
    "full": (),
    "both": ("gap",),
    "sparse": ("gap", "dense_map"),
    "dense": ("gap", "sparse_map"),
}
"""Cuts that a variant lacks; without the interaction the features are the means."""


class TwoPath(Backbone):
    """(B, C, T, H, W) float32, T a multiple of `tau` → (B, num_features): 2816 by default.

    The sparse path sees every `tau`-th frame with many channels, the dense path `alpha` times as many frames
    with `beta` times the channels. Without the interaction it is SlowFast without laterals (row 3).
    """

    expects: ClassVar[VideoInput] = VideoInput(
        frames=64, size=224, mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225)
    )
    """Mean and standard deviation are SlowFast's; the paper gives none."""
    cuts: tuple[Cut, ...] = CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        variant: Variant = "full",
        width: int = 64,
        tau: int = 16,
        alpha: int = 8,
        beta: float = 0.125,
        depth: Depth = "3463",
        temporal_kernels: TemporalKernels = "printed",
        sampling: Sampling = "index",
        lateral: Lateral = "pool_eca",
        axis_qkv: AxisQKV = "shared",
        rounds: int = 2,
    ) -> None:
        """Build a fresh network; the defaults are SPEC 4's reading of what the paper leaves open."""
        super().__init__()
        _check_choices(variant=variant, depth=depth, temporal_kernels=temporal_kernels)
        _check_choices(sampling=sampling, lateral=lateral, axis_qkv=axis_qkv)
        self.in_channels, self.tau = in_channels, tau
        self.cuts = tuple(cut for cut in CUTS if cut.name not in _MISSING[variant])
        shared = {"in_channels": in_channels, "sampling": sampling, "counts": DEPTHS[depth]}
        plans = _path_plans(width, tau, alpha, beta, DENSE_KERNELS[temporal_kernels], **shared)
        wide, narrow = (stage_channels(path.width) for path in plans.values())
        outputs = list(zip(wide, narrow, strict=True))
        plan = InteractionPlan(alpha=alpha, lateral=lateral, axis_qkv=axis_qkv, rounds=rounds)
        joins = [Interaction(*pair, plan) for pair in outputs[:-1]] if variant == "full" else []
        self.interactions = nn.ModuleList(joins)
        self.last = LastInteraction(*outputs[-1], plan) if variant == "full" else None
        joined = zip(*(join.out_channels for join in joins), strict=True) if joins else ((), ())
        self.paths = nn.ModuleDict(
            {
                name: Path3d(replace(path, inputs=inputs))
                for (name, path), inputs in zip(plans.items(), joined, strict=True)
                if variant in (name, "both", "full")
            }
        )
        of_paths = sum(stage_channels(plans[name].width)[-1] for name in self.paths)
        self.num_features = of_paths if self.last is None else self.last.num_features

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return any of `features`, `gap`, `sparse_map` and `dense_map`, as the variant has them.

        `sparse_map` (B, 32 · width, T/tau, H/32, W/32) and `dense_map` are taken after block 4, before its
        interaction; `gap` is the mean of both, `features` the classifier's input.
        """
        wanted = [self.cut(name).name for name in names]
        self._check(clips)
        maps = self._maps(clips)
        found = {f"{path}_map": x for path, x in maps.items()}
        if "gap" in wanted:
            found["gap"] = means(*maps.values())
        if FEATURES in wanted:
            found[FEATURES] = means(*maps.values()) if self.last is None else self.last(*maps.values())
        return {name: found[name] for name in wanted}

    def _maps(self, clips: Tensor) -> dict[str, Tensor]:
        """Each path's map after block 4."""
        paths = {name: path for name, path in self.paths.items() if isinstance(path, Path3d)}
        maps = {name: path.stem(clips) for name, path in paths.items()}
        for stage in range(NUM_STAGES):
            if 0 < stage <= len(self.interactions):
                joined = self.interactions[stage - 1](maps["sparse"], maps["dense"])
                maps = dict(zip(maps, joined, strict=True))
            maps = {name: path.stages[stage](maps[name]) for name, path in paths.items()}
        return maps

    def _check(self, clips: Tensor) -> None:
        pixels = (("H", MIN_SIZE), ("W", MIN_SIZE))
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", self.tau), *pixels))
        if clips.shape[2] % self.tau:
            raise ShapeError(
                f"clips must have a multiple of {self.tau} frames, so that both paths look at the same "
                f"moments; got {clips.shape[2]}: sample as many"
            )


_CHOICES = {
    "variant": Variant,
    "depth": Depth,
    "temporal_kernels": TemporalKernels,
    "sampling": Sampling,
    "lateral": Lateral,
    "axis_qkv": AxisQKV,
}


def _check_choices(**given: str) -> None:
    for name, value in given.items():
        if value not in (known := get_args(_CHOICES[name])):
            raise ModelParamError(f"{name} must be one of {list(known)}, got {value!r}")


def _path_plans(
    width: int, tau: int, alpha: int, beta: float, dense_kernels: tuple[int, ...], **shared: Any
) -> dict[str, PathPlan]:
    """Plans of both paths, without each other's channels."""
    dense_width = _dense_width(width, tau, alpha, beta)
    sparse = PathPlan(width=width, stride_frames=tau, stem_frames=1, kernels=SPARSE_KERNELS, **shared)
    stride = tau // alpha
    dense = PathPlan(width=dense_width, stride_frames=stride, stem_frames=5, kernels=dense_kernels, **shared)
    return {"sparse": sparse, "dense": dense}


def _dense_width(width: int, tau: int, alpha: int, beta: float) -> int:
    """Channels of the dense path's stem."""
    if min(tau, alpha) < 1 or tau % alpha:
        raise ModelParamError(f"tau must be a multiple of alpha, both 1 or more, got {tau} and {alpha}")
    dense = width * beta
    if dense < 1 or dense != int(dense):
        raise ModelParamError(f"width * beta must be a whole number of channels, got {width} * {beta}")
    return int(dense)
