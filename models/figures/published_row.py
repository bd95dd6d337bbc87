"""One row of the table of published figures: a network, and what its paper prints about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

System = Literal["CSSIModel", "AMFI-Net", "EPAM-Net", "interaction", "SF-Head"]

Convention = Literal["macs", "flops", "mmcv"]
"""Convention of a paper's FLOPs: multiply-adds, twice that, or mmcv's counter (models.figures.counting)."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of the table: a network, the input of one clip to count it on, and its paper's figures."""

    name: str
    system: System
    build: Callable[[], nn.Module]
    inputs: tuple[Shape, ...]
    parameters: float | None = None
    """The printed number: 43.26 M is 43.26e6."""
    gflops: float | None = None
    convention: Convention = "macs"
    """Convention that reproduces `gflops`; where none does, the nearest."""
    remark: str = ""


def row_of(
    system: System, name: str, build: Callable[[], nn.Module], *inputs: Shape, **printed: Any
) -> PublishedRow:
    """Return a row of one clip's `inputs`; `printed` are fields of PublishedRow."""
    return PublishedRow(name, system, build, inputs, **printed)
