"""The number, widths and temporal strides of a graph network's blocks (SPEC 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.errors import ModelParamError


@dataclass(frozen=True, slots=True)
class GraphBlock:
    """One block: its output channels, and its stride in time."""

    width: int
    stride: int = 1

    def __post_init__(self) -> None:
        if self.width < 4 or self.width % 4 or self.stride < 1:
            raise ModelParamError(
                f"a block needs a width divisible by 4 and a stride of 1 or more, got {self}"
            )


def blocks(*stages: tuple[int, int]) -> tuple[GraphBlock, ...]:
    """Expand (width, count) stages to blocks; each stage after the first starts with stride 2.

    >>> blocks((64, 1), (128, 2))
    (GraphBlock(width=64, stride=1), GraphBlock(width=128, stride=2), GraphBlock(width=128, stride=1))
    """
    return tuple(
        GraphBlock(width, 2 if stage > 0 and place == 0 else 1)
        for stage, (width, count) in enumerate(stages)
        for place in range(count)
    )


AGCNLayout = Literal["official_10", "paper_9_512", "paper_10_512", "small"]

AGCN_LAYOUTS: dict[AGCNLayout, tuple[GraphBlock, ...]] = {
    "official_10": blocks((64, 4), (128, 3), (256, 3)),
    "paper_9_512": blocks((64, 3), (128, 3), (256, 3), (512, 1)),
    "paper_10_512": blocks((64, 4), (128, 3), (256, 3), (512, 1)),
    "small": blocks((32, 2), (64, 2), (128, 1)),
}
"""Layouts by name: the official code's, AMFI-Net's (its text, and official plus 512), and a small one for
demos.
"""

LayoutChoice: TypeAlias = AGCNLayout | Sequence[tuple[int, int]] | Sequence[GraphBlock]
"""A layout by name, as [width, stride] of each block, or as the blocks themselves."""


def graph_layout(choice: LayoutChoice) -> tuple[GraphBlock, ...]:
    """Return the blocks of a choice. Raises ModelParamError where it is unknown or impossible."""
    if isinstance(choice, str):
        if choice not in AGCN_LAYOUTS:
            raise ModelParamError(
                f"layout must be one of {sorted(AGCN_LAYOUTS)} or [[width, stride], …], got {choice!r}"
            )
        return AGCN_LAYOUTS[choice]
    return tuple(block if isinstance(block, GraphBlock) else _block(block) for block in choice)


def _block(block: Sequence[int]) -> GraphBlock:
    if isinstance(block, str) or len(block) != 2:
        raise ModelParamError(f"a block of a layout is [width, stride], got {block!r}")
    return GraphBlock(*block)
