"""Each backbone's forward pass beside the same network from torchvision or a package, scripted, on the CPU.

    python bench/networks.py [NAME …] [--pairs 7]

Both arms are traced and frozen, run on the same clips on one thread, in pairs that take turns at going first.
Printed are the medians of their CPU and wall seconds and of the pairs' ratios, theirs over ours: above 1 ours is
faster. Where a machine is shared, CPU time is the figure to look at. Networks that no package has are timed
alone. Ends with status 1 where ours is slower by more than TOLERANCE.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.jit import trace
from torchvision import models as torchvision_models
from torchvision.models import video as torchvision_video

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.amfi.r3d import R3D18
from models.backbones import backbone_class, build_backbone
from models.cssi.resnet import FrameResNet
from models.names import BACKBONES, OF_LIBRARIES, BackboneKind
from models.training.published_weights import TORCHVISION_OPTIONS, Network
from pipeline.skeleton.layouts import NTU_25

TOLERANCE = 0.05
"""Share of a ratio that a shared machine's noise may take."""

FRAMES = 8
"""Frames of a clip where each goes through on its own."""


class _EachFrame(nn.Module):
    """torchvision's network over a clip's frames: (B, C, T, H, W) → (B, width), as one would write it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = getattr(torchvision_models, network)(weights=None)
        setattr(self.network, "classifier" if network == "mobilenet_v2" else "fc", nn.Identity())

    def forward(self, clips: Tensor) -> Tensor:
        """The mean over frames."""
        frames = clips.transpose(1, 2).flatten(0, 1)
        vectors: Tensor = self.network(frames)
        return vectors.view(clips.shape[0], clips.shape[2], -1).mean(dim=1)


def _r3d() -> nn.Module:
    network: nn.Module = torchvision_video.r3d_18(weights=None)
    network.fc = nn.Identity()
    return network


@dataclass(frozen=True)
class Entry:
    """A backbone, one batch's shape, and its twin where there is one."""

    ours: Callable[[], nn.Module]
    shape: tuple[int, ...]
    theirs: Callable[[], nn.Module] | None = None
    source: str = "no package has it"


def _images(network: Network) -> Entry:
    return Entry(
        lambda: FrameResNet(network=network),
        (1, 3, FRAMES, 224, 224),
        lambda: _EachFrame(network),
        f"torchvision {network}",
    )


def _backbone(kind: BackboneKind) -> Entry:
    shape = backbone_class(kind).expects.shape
    return Entry(lambda: build_backbone({"kind": kind}, shape=shape, edges=NTU_25.bones), (1, *shape))


ENTRIES: dict[str, Entry] = {
    "r3d18, torchvision's stem": Entry(
        lambda: R3D18(3, **TORCHVISION_OPTIONS),  # type: ignore[arg-type]
        (1, 3, 16, 112, 112),
        _r3d,
        "torchvision r3d_18",
    ),
    **{
        f"frame_resnet, {name}": _images(name)
        for name in ("resnet18", "resnet34", "resnet50", "mobilenet_v2")
    },
    **{kind: _backbone(kind) for kind in BACKBONES.keys() - OF_LIBRARIES - {"frame_resnet"}},
}


def scripted(network: nn.Module, clips: Tensor) -> Callable[[Tensor], Tensor]:
    """Traced, frozen and warmed up."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shapes are checked in Python, which a trace leaves out
        traced = trace(network.eval(), clips, check_trace=False)  # type: ignore[no-untyped-call]
        run: Callable[[Tensor], Tensor] = torch.jit.freeze(traced)
        for _ in range(2):
            run(clips)
    return run


def timed(run: Callable[[Tensor], Tensor], clips: Tensor) -> tuple[float, float]:
    """CPU and wall seconds of one pass."""
    cpu, wall = time.process_time(), time.perf_counter()
    with torch.no_grad():
        run(clips)
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(name: str, entry: Entry, pairs: int) -> float | None:
    """Print one line; the median ratio of CPU seconds, None where there is nothing to compare with."""
    clips = torch.randn(entry.shape, generator=torch.Generator().manual_seed(0))
    arms = [scripted(make(), clips) for make in (entry.ours, entry.theirs) if make is not None]
    times: list[list[tuple[float, float]]] = [[] for _ in arms]
    for turn in range(pairs):
        for arm in range(len(arms)) if turn % 2 == 0 else reversed(range(len(arms))):
            times[arm].append(timed(arms[arm], clips))
    mine = [median(column) for column in zip(*times[0], strict=True)]
    if entry.theirs is None:
        print(f"{name}: {mine[0]:.3f} s CPU, {mine[1]:.3f} s wall; {entry.source}", flush=True)
        return None
    ratios: list[float] = [
        median(theirs[clock] / ours[clock] for ours, theirs in zip(*times, strict=True)) for clock in (0, 1)
    ]
    twin = [median(column) for column in zip(*times[1], strict=True)]
    print(
        f"{name}: {mine[0]:.3f} s CPU, {mine[1]:.3f} s wall; {entry.source}: {twin[0]:.3f} and {twin[1]:.3f}; "
        f"ratio {ratios[0]:.2f} CPU, {ratios[1]:.2f} wall",
        flush=True,
    )
    return ratios[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Status 1 where ours is slower."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args(argv)
    if unknown := sorted(set(given.names) - ENTRIES.keys()):
        parser.error(f"no network {unknown[0]!r}; there are {sorted(ENTRIES)}")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {given.pairs} pairs")
    for package in ("pytorchvideo", "pyskl", "mmaction"):
        if find_spec(package) is None:
            print(f"{package} is not installed: its networks are not compared")
    ratios = [compare(name, ENTRIES[name], given.pairs) for name in given.names or ENTRIES]
    return int(any(ratio is not None and ratio < 1 - TOLERANCE for ratio in ratios))


if __name__ == "__main__":
    raise SystemExit(main())
