"""The figures that EPAM-Net prints about its own networks and about those that it compares with."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from models.cuts import Backbone
from models.epam.attention import NestedAttention, RivalAttention
from models.epam.c3d import PoseC3D
from models.epam.network import EPAMNet
from models.epam.slowonly import PoseSlowOnly, SlowOnly
from models.epam.tsm import TSM
from models.epam.xnets import X3DM, X3DS, PoseXShiftNet, RGBXShiftNet
from models.figures.published_row import PublishedRow, Shape, row_of
from models.training.classifier import Classifier

RGB: Shape = (1, 3, 16, 224, 224)
EIGHT: Shape = (1, 3, 8, 224, 224)
POSE: Shape = (1, 17, 48, 56, 56)
ATTENDED: Shape = (16, 7, 7)
"""T, H and W of the map that the attention weighs."""


def epam_rows() -> Sequence[PublishedRow]:
    """Return every row of EPAM-Net."""
    row = partial(row_of, "EPAM-Net", convention="mmcv")

    def trunk(network: Callable[[], Backbone]) -> Callable[[], nn.Module]:
        return lambda: Classifier(network(), 60)

    return (
        row("rgb_xshift", trunk(RGBXShiftNet), RGB, parameters=2.0e6, gflops=4.5),
        row(
            "pose_xshift",
            trunk(PoseXShiftNet),
            POSE,
            parameters=514.7e3,
            gflops=3.6,
            remark="514.7 k not reproduced: the official code has 532,600 too; all its other figures hold",
        ),
        row("x3d_m", trunk(X3DM), RGB, parameters=3.1e6, gflops=5.0),
        row("x3d_s_pose", trunk(X3DS), POSE, parameters=586.2e3, gflops=4.0),
        *_rivals(),
        row("epam", lambda: EPAMNet(60), RGB, POSE, parameters=2.5e6, gflops=8.1),
        row("epam_attention", NestedAttention, (1, 2, *ATTENDED), parameters=107),
        row("epam_rival_attention", RivalAttention, (1, 216, *ATTENDED), remark="the trunk has 216 channels"),
        row(
            "epam_rival_attention_256",
            lambda: RivalAttention(256),
            (1, 256, *ATTENDED),
            parameters=2.87e3,
            remark="the printed figure is of 256 channels",
        ),
    )


def _rivals() -> Sequence[PublishedRow]:
    """The networks that its Tables 5 and 6 compare with."""

    def row(name: str, network: Callable[[], Backbone], *inputs: Shape, **printed: Any) -> PublishedRow:
        return row_of(
            "EPAM-Net", name, lambda: Classifier(network(), 60), *inputs, convention="mmcv", **printed
        )

    return (
        row("tsm_8", TSM, EIGHT, parameters=23.6e6, gflops=33.0),
        row("tsm_16", TSM, RGB, parameters=23.6e6, gflops=65.9),
        row(
            "slowonly",
            SlowOnly,
            EIGHT,
            parameters=31.9e6,
            gflops=42.0,
            remark="31.9 M is of 120 classes",
        ),
        row("c3d_pose", PoseC3D, POSE, parameters=3.4e6, gflops=16.8),
        row("slowonly_pose", PoseSlowOnly, POSE, parameters=2.0e6, gflops=15.9),
    )
