"""The whole of AMFI-Net: both trunks and the fusion, as the paper counts it (SPEC 2.2 to 2.4).

harcache trains it in three stages on cached features; this is for counting, exporting and running it on
one clip.
"""

from typing import Any

from torch import Tensor, nn

from models.amfi.fusion import AMFIFusion
from models.amfi.r3d import R3D18, Stem
from models.graph.agcn import AGCN
from models.graph.graphs import Edges
from models.graph.layouts import AGCN_LAYOUTS
from models.head import HeadOutput


class AMFINet(nn.Module):
    """(B, 3, 16, 112, 112) frames and (B, 3, T, V, M) joints → logits and gate. 43,264,038 parameters by default."""

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        num_classes: int,
        *,
        num_people: int = 2,
        stem: Stem = "7x7x7",
        **fusion: Any,
    ) -> None:
        """Build fresh trunks and a head; `fusion` are keyword options of AMFIFusion."""
        super().__init__()
        self.video = R3D18(stem=stem)
        layout = AGCN_LAYOUTS["paper_9_512"]
        self.skeleton = AGCN(edges, num_joints, num_people=num_people, layout=layout)
        self.fusion = AMFIFusion(num_classes, **fusion)

    def forward(self, clips: Tensor, joints: Tensor) -> HeadOutput:
        """(B, C, T, H, W) frames and (B, C, T, V, M) joints of the same clips → logits (B, K) and gate (B, dim)."""
        output: HeadOutput = self.fusion(self.skeleton(joints), self.video(clips))
        return output

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return the head's loss (eq. 21) over the batch."""
        return self.fusion.loss(output, labels)
