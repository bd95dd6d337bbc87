"""CTR-GCN: a graph refined for each channel, then time at several scales (Chen et al., ICCV 2021; SPEC 5.1).

N people (of all clips), C channels, T frames, V joints. Layers are separate and named as in the official code.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.graph.graph_backbone import OFFICIAL, GraphBackbone, TimeConv
from models.graph.graph_layers import keep_graph, start_convs, way_around
from models.graph.graphs import NUM_SUBSETS, Edges
from models.graph.layouts import GraphBlock, LayoutChoice
from models.sf_head.sfhead import SFHeadChoice

DILATIONS = (1, 2)
"""Frames between the taps of the two 5-tap branches over time."""

NUM_BRANCHES = len(DILATIONS) + 2
"""Branches over time: two dilated ones, maximum pooling and 1×1; each makes a quarter of the channels."""


class CTRGCN(GraphBackbone):
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
        time_relu: bool = False,
        sf_head: SFHeadChoice = None,
    ) -> None:
        """Build a fresh network; `adaptive=False` fixes the skeleton's graph, still refined for each channel.

        `time_relu` puts a ReLU behind the convolutions over time, before the residual is added, as PYSKL's CTR-GCN has.
        """

        def layers(in_width: int, block: GraphBlock, graph: Tensor) -> tuple[nn.Module, nn.Module]:
            gcn = _GraphConv(in_width, block.width, graph, adaptive=adaptive)
            return gcn, _MultiScaleTime(block.width, block.stride, relu=time_relu)

        super().__init__(
            edges,
            num_joints,
            num_people=num_people,
            in_channels=in_channels,
            layout=layout,
            sf_head=sf_head,
            layers=layers,
        )


class _Refined(nn.Module):
    """One subset's layers: a graph for each channel is A + alpha · conv4(tanh(conv1(x)_u - conv2(x)_v))."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        inner = in_width // 8 if in_width >= 16 else 8  # the code says 8 for 3 and 9 channels
        self.conv1 = nn.Conv2d(in_width, inner, 1)
        self.conv2 = nn.Conv2d(in_width, inner, 1)
        self.conv3 = nn.Conv2d(in_width, width, 1)
        self.conv4 = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor, mean: Tensor, graph: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, T, V), its mean over time (N, C, 1, V), (V, V) → values (N · width, T, V), graphs (N · width, V, V).

        The code takes the mean after conv1 and conv2; before them it is the same, at a T-th of the work.
        Graphs are made transposed, from joint v to joint u, as the product of values and graphs needs them.
        """
        theta, phi = self.conv1(mean), self.conv2(mean)
        refined = self.conv4(torch.tanh(theta - phi.transpose(2, 3)))
        return self.conv3(x).flatten(0, 1), torch.addcmul(graph.t(), refined, alpha).flatten(0, 1)


class _GraphConv(nn.Module):
    """Sum of the subsets, batch norm, plus the input, ReLU."""

    PA: Tensor

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_Refined(in_width, width) for _ in range(NUM_SUBSETS))
        self.down = way_around(in_width, width)
        keep_graph(self, graph, learned=adaptive)
        self.alpha = nn.Parameter(torch.zeros(1))
        self.bn = nn.BatchNorm2d(width)
        start_convs(self)
        nn.init.constant_(self.bn.weight, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, width, T, V)."""
        mean = x.mean(dim=2, keepdim=True)
        first, *others = zip(self.convs, self.PA, strict=True)
        y = torch.bmm(*first[0](x, mean, first[1], self.alpha))
        for conv, graph in others:
            y = y.baddbmm_(*conv(x, mean, graph, self.alpha))
        y = self.bn(y.view(x.shape[0], -1, *x.shape[2:]))
        return torch.relu_(y.add_(self.down(x)))


class TimeMax(nn.MaxPool2d):
    """The largest of three neighbours in time; a quarter of nn.MaxPool2d's time on a CPU. Expects no negatives."""

    def __init__(self, stride: int) -> None:
        super().__init__((3, 1), stride=(stride, 1), padding=(1, 0))
        self.step = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, C, ⌈T / stride⌉, V)."""
        t, padded = x.shape[2], F.pad(x, (0, 0, 1, 1))
        before, now, after = (padded[:, :, start : start + t : self.step] for start in range(3))
        return torch.maximum(torch.maximum(before, now), after)


class _MultiScaleTime(nn.Module):
    """Four branches of a quarter of the channels each: 5 taps, 5 taps two frames apart, maximum, plain."""

    def __init__(self, width: int, stride: int, *, relu: bool) -> None:
        super().__init__()
        self.relu = relu
        branch = width // NUM_BRANCHES
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, branch, 1),
                nn.BatchNorm2d(branch),
                nn.ReLU(inplace=True),
                TimeConv(branch, branch, kernel=5, stride=stride, dilation=dilation),
            )
            for dilation in DILATIONS
        )
        self.branches.append(
            nn.Sequential(
                nn.Conv2d(width, branch, 1),
                nn.BatchNorm2d(branch),
                nn.ReLU(inplace=True),
                TimeMax(stride),
                nn.BatchNorm2d(branch),
            )
        )
        self.branches.append(
            nn.Sequential(nn.Conv2d(width, branch, 1, stride=(stride, 1)), nn.BatchNorm2d(branch))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, T, V) → (N, width, ⌈T / stride⌉, V)."""
        y = torch.cat([branch(x) for branch in self.branches], dim=1)
        return torch.relu_(y) if self.relu else y
