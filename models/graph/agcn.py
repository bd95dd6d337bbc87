"""AGCN: graph convolutions whose graph is learned (Shi et al., CVPR 2019; SPEC 2.3 and eq. 6).

B clips, C channels, T frames, V joints, M people. Inside, a block's tensor is (B·M, C, V, T) in channels-last
memory, that is (B·M, V, T, C): 1×1 convolutions are then plain matrix products, and a graph acts on one whole
(V, T·C) matrix per person. Parameters keep the reference's shapes (three separate convolutions a kind).
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.cuts import FEATURES, Cut
from models.graph.graph_layers import start_convs, way_around
from models.graph.graphs import NUM_SUBSETS, Edges, adjacency
from models.graph.joint_backbone import JointBackbone
from models.graph.layouts import AGCN_LAYOUTS, GraphBlock, LayoutChoice
from models.preprocessing import JointInput
from models.sf_head.sf_backbone import HeadLosses
from models.sf_head.sfhead import SFHead, SFHeadChoice

CUTS = (Cut(FEATURES, ("channel",), "every fusion head of AMFI-Net (SPEC 2.7); not the trunk itself"),)


class AGCN(JointBackbone):
    """(B, C, T, V, M) joints → (B, width of the last block): the mean over people, time and joints."""

    expects: ClassVar[JointInput] = JointInput(style="agcn", frames=300)
    cuts = CUTS

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        *,
        num_people: int = 2,
        in_channels: int = 3,
        layout: LayoutChoice = AGCN_LAYOUTS["official_10"],
        dropout: float = 0.0,
        adaptive: bool = True,
        sf_head: SFHeadChoice = None,
    ) -> None:
        """Build a fresh network.

        `adaptive=False` leaves out C_k, the graph computed from the clip itself (eq. 6); `sf_head=8` puts
        SF-Heads
        of 8 groups into all blocks (SPEC 5.2).
        """
        super().__init__(
            num_joints, num_people=num_people, in_channels=in_channels, layout=layout, sf_head=sf_head
        )
        graph = adjacency(edges, num_joints)
        widths = [in_channels, *(block.width for block in self.layout)]
        self.blocks = nn.ModuleList(
            _Block(
                widths[i],
                block,
                graph,
                residual=i > 0,
                dropout=dropout,
                adaptive=adaptive,
                sf_head=self.head(block.width),
            )
            for i, block in enumerate(self.layout)
        )

    def at(self, joints: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `features` (B, width of the last block), the only cut."""
        x = self.normalised(joints).transpose(1, 2).contiguous(memory_format=torch.channels_last)
        losses = self.losses_for(joints)
        for block in self.blocks:
            x = block(x, losses)
        merged = x.float().mean(dim=(2, 3)).view(-1, self.num_people, self.num_features).mean(dim=1)
        return {self.cut(name).name: merged for name in names}


class GraphConv(nn.Module):
    """Eq. 6: sum over subsets k of W_k x (A_k + B_k + C_k), batch norm, plus the input, ReLU."""

    graph: Tensor

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__()
        self.adaptive, self.inner = adaptive, width // 4
        self.register_buffer("graph", graph, persistent=False)
        self.PA = nn.Parameter(torch.full_like(graph, 1e-6))
        if adaptive:
            self.conv_a = nn.ModuleList(nn.Conv2d(in_width, self.inner, 1) for _ in range(NUM_SUBSETS))
            self.conv_b = nn.ModuleList(nn.Conv2d(in_width, self.inner, 1) for _ in range(NUM_SUBSETS))
        self.conv_d = nn.ModuleList(nn.Conv2d(in_width, width, 1) for _ in range(NUM_SUBSETS))
        self.down = way_around(in_width, width)
        self.bn = nn.BatchNorm2d(width)
        self._initialise()

    def _initialise(self) -> None:
        start_convs(self)
        for conv in self.conv_d:
            nn.init.normal_(_weight(conv), std=math.sqrt(2 / (_weight(conv).numel() * NUM_SUBSETS)))
        nn.init.constant_(self.bn.weight, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, V, T) → (N, width, V, T), both channels-last."""
        n, c, v, t = x.shape
        rows = x.permute(0, 2, 3, 1)
        graphs = self._graphs(rows).transpose(-1, -2).unbind(1)
        per_joint = rows.reshape(n, v, t * c)
        y = torch.stack([_bias(conv) for conv in self.conv_d]).sum(0)
        for graph, conv in zip(graphs, self.conv_d, strict=True):
            gathered = torch.bmm(graph.to(per_joint.dtype), per_joint).view(n * v * t, c)
            y = torch.addmm(y, gathered, _weight(conv).flatten(1).t())
        y = self.bn(y.view(n, v, t, -1).permute(0, 3, 1, 2))
        return F.relu(y.add_(self.down(x)), inplace=True)

    def attention(self, x: Tensor) -> Tensor:
        """(N, C, V, T) → (N, 3, V, V): C_k of eq. 6 of an adaptive graph, a softmax over the second-last axis.

        Entry (i, j) is what joint j takes from joint i.
        """
        return self._computed(x.permute(0, 2, 3, 1))

    def _graphs(self, rows: Tensor) -> Tensor:
        """(N, V, T, C) → (N, 3, V, V): A + B + C of eq. 6."""
        fixed = self.graph + self.PA
        if not self.adaptive:
            return fixed.expand(rows.shape[0], -1, -1, -1)
        return self._computed(rows) + fixed

    def _computed(self, rows: Tensor) -> Tensor:
        n, v, t, _ = rows.shape
        convs = (*self.conv_a, *self.conv_b)
        weight = torch.cat([_weight(conv) for conv in convs]).flatten(1)
        pairs = F.linear(rows, weight, torch.cat([_bias(conv) for conv in convs]))
        pairs = pairs.view(n, v, t, 2, NUM_SUBSETS, self.inner).permute(3, 0, 4, 1, 2, 5)
        theta, phi = pairs.reshape(2, n * NUM_SUBSETS, v, t * self.inner).unbind(0)
        scores = torch.bmm(theta, phi.transpose(1, 2)).float() / (t * self.inner)
        return torch.softmax(scores.view(n, NUM_SUBSETS, v, v), dim=-2)


class _Block(nn.Module):
    """Graph convolution, SF-Head where wanted, then a 9×1 convolution over time, and the residual."""

    def __init__(
        self,
        in_width: int,
        block: GraphBlock,
        graph: Tensor,
        *,
        residual: bool,
        dropout: float,
        adaptive: bool,
        sf_head: SFHead | None,
    ) -> None:
        super().__init__()
        width, stride = block.width, block.stride
        self.gcn = GraphConv(in_width, width, graph, adaptive=adaptive)
        self.sf_head = sf_head
        self.dropout = nn.Dropout(dropout)
        self.tcn = _TimeConv(width, width, kernel=9, stride=stride)
        self.residual: nn.Module | None = None
        if residual:
            same = in_width == width and stride == 1
            self.residual = nn.Identity() if same else _TimeConv(in_width, width, kernel=1, stride=stride)

    def forward(self, x: Tensor, losses: HeadLosses | None = None) -> Tensor:
        """(N, C, V, T) → (N, width, V, ⌈T / stride⌉)."""
        y = self.gcn(x)
        if self.sf_head is not None:
            y = self.sf_head(y.transpose(2, 3), losses).transpose(2, 3)
            y = y.contiguous(memory_format=torch.channels_last)
        y = self.tcn(self.dropout(y))
        return F.relu(y if self.residual is None else y.add_(self.residual(x)), inplace=True)


class _TimeConv(nn.Module):
    """Convolution along T with its batch norm; the weight keeps the reference's (out, in, kernel, 1)."""

    def __init__(self, in_width: int, width: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, kernel // 2
        self.conv = nn.Conv2d(in_width, width, (kernel, 1))
        self.bn = nn.BatchNorm2d(width)
        start_convs(self)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.conv.weight.transpose(2, 3)  # ours runs along the last axis
        y: Tensor = self.bn(F.conv2d(x, weight, self.conv.bias, (1, self.stride), (0, self.padding)))
        return y


def _weight(conv: nn.Module) -> Tensor:
    assert isinstance(conv, nn.Conv2d)
    return conv.weight


def _bias(conv: nn.Module) -> Tensor:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.bias
