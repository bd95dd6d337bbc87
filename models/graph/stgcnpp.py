"""ST-GCN++ (Duan et al., PYSKL, ACM Multimedia 2022): ST-GCN with a learned graph and six branches over time.

N people (of all clips), C channels, T frames, V joints. Layers are separate and named after PYSKL's.
"""

import torch
from torch import Tensor, nn

from models.graph.ctrgcn import TimeMax
from models.graph.graph_backbone import OFFICIAL, GraphBackbone
from models.graph.graph_layers import keep_graph, way_around
from models.graph.graphs import NUM_SUBSETS, Edges
from models.graph.layouts import GraphBlock, LayoutChoice
from models.sf_head.sfhead import SFHeadChoice

DILATIONS = (1, 2, 3, 4)
"""Frames between the taps of the four 3-tap branches over time; a maximum and a plain branch come after them."""

NUM_BRANCHES = len(DILATIONS) + 2


class STGCNPlusPlus(GraphBackbone):
    """(B, C, T, V, M) joints → (B, 256). People are normalised alike: batch norm is over joints and channels."""

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        *,
        num_people: int = 2,
        in_channels: int = 3,
        layout: LayoutChoice = OFFICIAL,
        adaptive: bool = True,
        sf_head: SFHeadChoice = None,
    ) -> None:
        """Build a fresh network; `adaptive=False` fixes the graphs to the skeleton's."""

        def layers(in_width: int, block: GraphBlock, graph: Tensor) -> tuple[nn.Module, nn.Module]:
            gcn = _GraphConv(in_width, block.width, graph, adaptive=adaptive)
            return gcn, _SixBranches(block.width, block.stride)

        super().__init__(
            edges,
            num_joints,
            num_people=num_people,
            in_channels=in_channels,
            layout=layout,
            sf_head=sf_head,
            layers=layers,
        )
        self.data_bn = nn.BatchNorm1d(num_joints * in_channels)

    def normalised(self, joints: Tensor) -> Tensor:
        """(B, C, T, V, M) → (B·M, V, C, T): batch norm of each channel of each joint, over all people."""
        c, v, m = self.in_channels, self.num_joints, self.num_people
        self.check_joints(joints)
        b, t = joints.shape[0], joints.shape[2]
        x: Tensor = self.data_bn(joints.permute(0, 4, 3, 1, 2).reshape(b * m, v * c, t))
        return x.view(b * m, v, c, t)


class _GraphConv(nn.Module):
    """Convolved to three subsets' channels, gathered along each subset's graph, summed, plus the input, ReLU."""

    PA: Tensor

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__()
        keep_graph(self, graph, learned=adaptive)
        self.conv = nn.Conv2d(in_width, width * NUM_SUBSETS, 1)
        self.down = way_around(in_width, width)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, width, T, V); PA[k, u, v] is how much of joint u enters joint v."""
        n, _, t, v = x.shape
        subsets = self.conv(x).view(n, NUM_SUBSETS, -1, v)
        y = torch.matmul(subsets, self.PA).sum(1).view(n, -1, t, v)
        return torch.relu_(self.bn(y).add_(self.down(x)))


class _SixBranches(nn.Module):
    """Four dilated branches of 3 taps, a maximum of 3 frames, a plain one; joined, mixed, batch norm."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        part = width // NUM_BRANCHES
        first = width - part * (NUM_BRANCHES - 1)
        steps: list[tuple[int, nn.Module]] = [
            (first if place == 0 else part, _Taps(first if place == 0 else part, stride, dilation))
            for place, dilation in enumerate(DILATIONS)
        ]
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True), over_time
            )
            for channels, over_time in (*steps, (part, TimeMax(stride)))
        )
        self.branches.append(nn.Conv2d(width, part, 1, stride=(stride, 1)))
        self.transform = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Conv2d(width, width, 1)
        )
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, T, V) → (N, width, ⌈T / stride⌉, V)."""
        y: Tensor = self.bn(self.transform(torch.cat([branch(x) for branch in self.branches], dim=1)))
        return y


class _Taps(nn.Module):
    """A convolution of 3 taps along T, without a batch norm of its own."""

    def __init__(self, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            width, width, (3, 1), stride=(stride, 1), padding=(dilation, 0), dilation=(dilation, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y
