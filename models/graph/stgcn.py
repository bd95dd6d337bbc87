"""ST-GCN as FR-Head's model zoo has it, the "ST-GCN" of SF-Head's Table 4 (SPEC 5.1); not Yan et al.'s own.

Graphs are learned from the start, the temporal convolution has 5 taps. N people (of all clips), C channels,
T frames, V joints. Layers are separate and named as in that code.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ModelParamError
from models.graph.graph_backbone import OFFICIAL, GraphBackbone, TimeConv
from models.graph.graph_layers import keep_graph, start_convs, way_around
from models.graph.graphs import NUM_SUBSETS, Edges
from models.graph.layouts import GraphBlock, LayoutChoice
from models.sf_head.sfhead import SFHeadChoice

TIME_TAPS = 5


class STGCN(GraphBackbone):
    """(B, C, T, V, M) joints → (B, 256). With SF-Heads in all blocks: `sf_head=8`."""

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        *,
        num_people: int = 2,
        in_channels: int = 3,
        layout: LayoutChoice = OFFICIAL,
        adaptive: bool = True,
        start: Literal["identity", "edges"] = "identity",
        sf_head: SFHeadChoice = None,
    ) -> None:
        """Build a fresh network; `start` is the initial value of the learned graphs.

        FR-Head's code starts with the identity in all three subsets. `adaptive=False` fixes the graphs to the
        skeleton's, which then must be the start.
        """
        if start not in ("identity", "edges"):
            raise ModelParamError(f"start must be 'identity' or 'edges', got {start!r}")
        if not adaptive and start == "identity":
            raise ModelParamError(
                "adaptive=False with start='identity' joins no joint to another; ask for start='edges'"
            )

        def layers(in_width: int, block: GraphBlock, graph: Tensor) -> tuple[nn.Module, nn.Module]:
            begun = graph if start == "edges" else torch.eye(num_joints).expand_as(graph)
            gcn = _GraphConv(in_width, block.width, begun, adaptive=adaptive)
            return gcn, TimeConv(block.width, block.width, kernel=TIME_TAPS, stride=block.stride)

        super().__init__(
            edges,
            num_joints,
            num_people=num_people,
            in_channels=in_channels,
            layout=layout,
            sf_head=sf_head,
            layers=layers,
        )


class SubsetConv(nn.Module):
    """A graph convolution: the sum over subsets k of conv_k(x A_k), batch norm, plus the input, ReLU."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        self.conv_d = nn.ModuleList(nn.Conv2d(in_width, width, 1) for _ in range(NUM_SUBSETS))
        self.down = way_around(in_width, width)
        self.bn = nn.BatchNorm2d(width)

    def initialise(self) -> None:
        """Initialise as the official code does, for this class's layers and those that a subclass has added."""
        start_convs(self)
        for conv in self.conv_d:
            assert isinstance(conv, nn.Conv2d)
            nn.init.normal_(conv.weight, std=math.sqrt(2 / (conv.weight.numel() * NUM_SUBSETS)))
        nn.init.constant_(self.bn.weight, 1e-6)

    def gathered(self, x: Tensor, graphs: Tensor) -> Tensor:
        """(N, C, T, V) and (N or 1, 3, V, V) graphs, from joint u to joint v → (N, width, T, V)."""
        n, c, t, v = x.shape
        near = torch.matmul(x.view(n, 1, c * t, v), graphs).view(n, NUM_SUBSETS * c, t, v)
        y = self.bn(F.conv2d(near, *stacked(self.conv_d, dim=1)))
        return torch.relu_(y.add_(self.down(x)))


def stacked(convs: nn.ModuleList, *, dim: int) -> tuple[Tensor, Tensor]:
    """Join weight and bias of 1×1 convolutions: of the same input (`dim=0`), or summed over inputs (`dim=1`)."""
    weights, biases = zip(*((conv.weight, conv.bias) for conv in convs), strict=True)
    return torch.cat(weights, dim), torch.cat(biases) if dim == 0 else torch.stack(biases).sum(0)


class _GraphConv(SubsetConv):
    """Graphs whose columns are scaled to length 1 while they learn."""

    PA: Tensor

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__(in_width, width)
        self.adaptive = adaptive
        keep_graph(self, graph, learned=adaptive)
        self.initialise()

    def forward(self, x: Tensor) -> Tensor:
        graphs = self.PA
        if self.adaptive:
            graphs = graphs / (torch.linalg.vector_norm(graphs, dim=1, keepdim=True) + 1e-4)
        return self.gathered(x, graphs[None])
