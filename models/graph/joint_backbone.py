"""The input of every skeleton backbone: joints of several people, normalised by batch norm (SPEC 2.3 and 5)."""

import math
from typing import ClassVar

from torch import Tensor, nn

from models.checks import check_input
from models.cuts import ClassifierInit
from models.errors import ModelParamError
from models.graph.layouts import LayoutChoice, graph_layout
from models.sf_head.sf_backbone import SFBackbone
from models.sf_head.sfhead import SFHeadChoice, sf_options


class JointBackbone(SFBackbone):
    """A backbone over (B, C, T, V, M) joints: B clips, C channels, T frames, V joints, M people."""

    min_blocks: ClassVar[int] = 1
    classifier_init: ClassVar[ClassifierInit] = "sqrt_2_over_k"

    def __init__(
        self,
        num_joints: int,
        *,
        num_people: int,
        in_channels: int,
        layout: LayoutChoice,
        sf_head: SFHeadChoice,
    ) -> None:
        super().__init__()
        self.layout = graph_layout(layout)
        if len(self.layout) < self.min_blocks:
            raise ModelParamError(
                f"layout must hold {self.min_blocks} or more blocks, got {len(self.layout)}"
            )
        if min(num_joints, num_people, in_channels) < 1:
            raise ModelParamError(
                f"num_joints, num_people and in_channels must be 1 or more, got {num_joints}, {num_people}, "
                f"{in_channels}"
            )
        self.in_channels, self.num_joints, self.num_people = in_channels, num_joints, num_people
        self.num_features = self.layout[-1].width
        self.min_frames = math.prod(block.stride for block in self.layout)
        self.sf_head = sf_options(sf_head)
        self.data_bn = nn.BatchNorm1d(num_people * num_joints * in_channels)

    def normalised(self, joints: Tensor) -> Tensor:
        """(B, C, T, V, M) → (B·M, V, C, T): batch norm of each channel of each person's joint."""
        c, v, m = self.in_channels, self.num_joints, self.num_people
        self.check_joints(joints)
        b, t = joints.shape[0], joints.shape[2]
        x: Tensor = self.data_bn(joints.permute(0, 4, 3, 1, 2).reshape(b, m * v * c, t))
        return x.view(b * m, v, c, t)

    def check_joints(self, joints: Tensor) -> None:
        """Raise ShapeError where `joints` are not this network's (B, C, T, V, M)."""
        c, v, m = self.in_channels, self.num_joints, self.num_people
        check_input("joints", joints, ("B", f"C={c}", ("T", self.min_frames), f"V={v}", f"M={m}"))
