"""Shared parts of CTR-GCN, AAGCN and ST-GCN: people folded into the batch, blocks, two cuts (SPEC 5 and 6).

B clips, C channels, T frames, V joints, M people; inside, N = B · M. The official codes drop features out
before
their last linear layer and nowhere else: that is `Classifier(backbone, classes, dropout=…)`.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.cuts import FEATURES, JOINTS, Cut
from models.graph.graph_layers import start_convs
from models.graph.graphs import Edges, adjacency
from models.graph.joint_backbone import JointBackbone
from models.graph.layouts import AGCN_LAYOUTS, GraphBlock, LayoutChoice
from models.preprocessing import JointInput
from models.sf_head.sf_backbone import HeadLosses, SFBackbone
from models.sf_head.sfhead import SFHead, SFHeadChoice

LAST_BLOCK = "last_block"

CUTS = (
    Cut(
        FEATURES,
        ("channel",),
        "a linear classifier, and the weights of an ensemble of streams; no SF-Head, for they sit inside the blocks",
    ),
    Cut(
        LAST_BLOCK,
        ("person", "channel", "frame", "joint"),
        "the last block with its SF-Head, and the classifier (LastBlock); not the blocks and heads before it, nor "
        "training's crops and turns of joints: no cache serves the paper's own training (SPEC 5.7)",
        dtype="float16",
    ),
    JOINTS,
)

OFFICIAL = AGCN_LAYOUTS["official_10"]

Layers: TypeAlias = Callable[[int, GraphBlock, Tensor], tuple[nn.Module, nn.Module]]
"""Makes a block's layers: (channels in, block, (3, V, V) graph) → (graph convolution, convolution over time)."""


class GraphUnit(nn.Module):
    """One block: ReLU(temporal convolution(SF-Head(graph convolution(x))) + residual(x))."""

    def __init__(
        self, gcn: nn.Module, tcn: nn.Module, *, residual: nn.Module | None, sf_head: SFHead | None
    ) -> None:
        super().__init__()
        self.gcn1, self.tcn1, self.residual, self.sf_head = gcn, tcn, residual, sf_head

    def forward(self, x: Tensor, losses: HeadLosses | None = None) -> Tensor:
        """(N, C, T, V) → (N, width, ⌈T / stride⌉, V)."""
        y = self.gcn1(x)
        if self.sf_head is not None:
            y = self.sf_head(y, losses)
        y = self.tcn1(y)
        return F.relu(y if self.residual is None else y.add_(self.residual(x)), inplace=True)


class TimeConv(nn.Module):
    """A convolution along T, then batch norm."""

    def __init__(self, in_width: int, width: int, *, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(
            in_width, width, (kernel, 1), stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1)
        )
        self.bn = nn.BatchNorm2d(width)
        start_convs(self)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, width, ⌈T / stride⌉, V)."""
        y: Tensor = self.bn(self.conv(x))
        return y


class GraphBackbone(JointBackbone):
    """(B, C, T, V, M) joints → (B, width of the last block). Subclasses give the layers of a block."""

    expects: ClassVar[JointInput] = JointInput(style="ctr", frames=64)
    cuts = CUTS
    min_blocks = 2

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        *,
        num_people: int,
        in_channels: int,
        layout: LayoutChoice,
        sf_head: SFHeadChoice,
        layers: Layers,
    ) -> None:
        super().__init__(
            num_joints, num_people=num_people, in_channels=in_channels, layout=layout, sf_head=sf_head
        )
        graph, in_width = adjacency(edges, num_joints), in_channels
        self._names = tuple(f"l{place + 1}" for place in range(len(self.layout)))
        for name, block in zip(self._names, self.layout, strict=True):
            gcn, tcn = layers(in_width, block, graph)
            residual = None if name == "l1" else _residual(in_width, block)
            self.add_module(name, GraphUnit(gcn, tcn, residual=residual, sf_head=self.head(block.width)))
            self.last_in_width, in_width = in_width, block.width

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The blocks l1 to l10, named as in the official codes, so that their weights fit."""
        return tuple(self.get_submodule(name) for name in self._names)

    def at(self, joints: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return any of `features` (B, last block's width), `last_block` (B, M, C', T', V), its input, and `joints`."""
        wanted = [self.cut(name).name for name in names]
        x = self.normalised(joints).permute(0, 2, 3, 1).contiguous()
        losses = self.losses_for(joints)
        *before, last = self.blocks
        for block in before:
            x = block(x, losses)
        found = {LAST_BLOCK: x.view(-1, self.num_people, *x.shape[1:]), JOINTS.name: joints}
        if FEATURES in wanted:
            found[FEATURES] = _pooled(last(x, losses), self.num_people)
        return {name: found[name] for name in wanted}


def _residual(in_width: int, block: GraphBlock) -> nn.Module:
    if in_width == block.width and block.stride == 1:
        return nn.Identity()
    return TimeConv(in_width, block.width, kernel=1, stride=block.stride)


def _pooled(x: Tensor, people: int) -> Tensor:
    """(B · M, C, T, V) → (B, C), float32 where `x` is less: the mean over people, time and joints."""
    exact = torch.promote_types(x.dtype, torch.float32)
    return x.mean(dim=(2, 3), dtype=exact).view(-1, people, x.shape[1]).mean(dim=1)


class LastBlock(SFBackbone):
    """The backbone's own last block, SF-Head and mean, applied to `last_block` maps, cached or not."""

    expects: ClassVar[JointInput] = GraphBackbone.expects
    """Preprocessing of the joints that the maps are computed from."""
    cuts = CUTS[:1]

    def __init__(self, backbone: GraphBackbone) -> None:
        super().__init__()
        self.sf_head, self.num_people = backbone.sf_head, backbone.num_people
        self.in_width, self.num_joints = backbone.last_in_width, backbone.num_joints
        self.num_features = backbone.num_features
        self.block = backbone.blocks[-1]

    def at(self, maps: Tensor, names: Sequence[str], present: Tensor | None = None) -> dict[str, Tensor]:
        """(B, M, C, T, V) of any float type → `features` (B, num_features).

        SF-Head's losses leave out people without data where `present` (B, M) marks those with data.
        """
        axes = (f"M={self.num_people}", f"C={self.in_width}", ("T", 1), f"V={self.num_joints}")
        check_input("maps", maps, ("B", *axes))
        if present is None:
            present = maps.new_ones(maps.shape[:2], dtype=torch.bool)
        losses = self.start_losses(present)
        x = self.block(maps.flatten(0, 1).to(next(self.parameters()).dtype), losses)
        return {self.cut(name).name: _pooled(x, self.num_people) for name in names}
