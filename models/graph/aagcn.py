"""AAGCN: AGCN with attention, the "2s-AGCN" of SF-Head's Table 4 (Shi et al., TIP 2020; SPEC 5.1).

It follows FR-Head's model zoo, which has the authors' code. N people (of all clips), C channels, T frames,
V joints. Layers are separate and named as there.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.graph.graph_backbone import OFFICIAL, GraphBackbone, TimeConv
from models.graph.graph_layers import keep_graph
from models.graph.graphs import NUM_SUBSETS, Edges
from models.graph.layouts import GraphBlock, LayoutChoice
from models.graph.stgcn import SubsetConv, stacked
from models.sf_head.sfhead import SFHeadChoice

TIME_TAPS = 9


class AAGCN(GraphBackbone):
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
        attention: bool = True,
        sf_head: SFHeadChoice = None,
    ) -> None:
        """Build a fresh network.

        `adaptive=False` fixes the graphs to the skeleton's; `attention=False` leaves out the attention
        over joints,
        frames and channels.
        """

        def layers(in_width: int, block: GraphBlock, graph: Tensor) -> tuple[nn.Module, nn.Module]:
            gcn: nn.Module = _GraphConv(in_width, block.width, graph, adaptive=adaptive)
            if attention:
                gcn = _Attentive(in_width, block.width, graph, adaptive=adaptive)
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


class _GraphConv(SubsetConv):
    """Graphs A + alpha · tanh(theta(x)_u · phi(x)_v): the skeleton's, learned, plus the clip's own."""

    PA: Tensor

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__(in_width, width)
        self.adaptive, self.inner = adaptive, width // 4
        keep_graph(self, graph, learned=adaptive)
        if adaptive:
            self.alpha = nn.Parameter(torch.zeros(1))
            self.conv_a = nn.ModuleList(nn.Conv2d(in_width, self.inner, 1) for _ in range(NUM_SUBSETS))
            self.conv_b = nn.ModuleList(nn.Conv2d(in_width, self.inner, 1) for _ in range(NUM_SUBSETS))
        self.initialise()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, width, T, V)."""
        return self.gathered(x, self._graphs(x) if self.adaptive else self.PA[None])

    def _graphs(self, x: Tensor) -> Tensor:
        """(N, 3, V, V)."""
        n, _, t, v = x.shape
        shape = n, NUM_SUBSETS, self.inner * t, v
        scale = (self.inner * t) ** -0.5  # before the product, which half precision could not hold without
        theta, phi = (
            F.conv2d(x, *(values * scale for values in stacked(convs, dim=0))).view(shape)
            for convs in (self.conv_a, self.conv_b)
        )
        return torch.addcmul(self.PA, torch.tanh(torch.matmul(theta.transpose(2, 3), phi)), self.alpha)


class _Attentive(_GraphConv):
    """Then joints, frames and channels weighted, one after the other; each weight lies between 1 and 2."""

    def __init__(self, in_width: int, width: int, graph: Tensor, *, adaptive: bool) -> None:
        super().__init__(in_width, width, graph, adaptive=adaptive)
        joints = graph.shape[-1]
        taps = joints if joints % 2 else joints - 1
        self.conv_ta = nn.Conv1d(width, 1, 9, padding=4)
        self.conv_sa = nn.Conv1d(width, 1, taps, padding=taps // 2)
        self.fc1c = nn.Linear(width, width // 2)
        self.fc2c = nn.Linear(width // 2, width)
        nn.init.xavier_normal_(self.conv_sa.weight)
        nn.init.kaiming_normal_(self.fc1c.weight)
        for layer in (self.conv_ta, self.fc2c):
            nn.init.zeros_(layer.weight)
        for layer in (self.conv_ta, self.conv_sa, self.fc1c, self.fc2c):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, width, T, V). The later means are taken of sums that the earlier weights went into."""
        y = super().forward(x)
        joints = 1 + torch.sigmoid(self.conv_sa(y.mean(2)))  # (N, 1, V)
        frames_of = torch.matmul(y, joints.unsqueeze(3))[..., 0] / y.shape[3]  # (N, C, T)
        frames = 1 + torch.sigmoid(self.conv_ta(frames_of))  # (N, 1, T)
        channels_of = (frames_of * frames).mean(2)
        channels = 1 + torch.sigmoid(self.fc2c(torch.relu(self.fc1c(channels_of))))  # (N, C)
        return y * (frames.unsqueeze(3) * joints.unsqueeze(2)) * channels[:, :, None, None]
