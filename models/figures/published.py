"""Figures that the five papers print about their networks, each beside the module that it describes.

Facts of the papers only: everything about our own modules is counted from them (models.figures.table).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from torch import nn

from models.amfi.network import AMFINet
from models.amfi.r3d import R3D18
from models.cssi.dinet import DINetR
from models.cssi.network import CachedFrames, CSSIModel
from models.cssi.pvrm import PVRM, Conv3dHead, LSTMHead, MatrixHead
from models.cssi.resnet import FrameResNet
from models.cuts import Backbone
from models.figures.epam_rows import epam_rows
from models.figures.published_row import PublishedRow, Shape, row_of
from models.graph.aagcn import AAGCN
from models.graph.agcn import AGCN
from models.graph.ctrgcn import CTRGCN
from models.graph.graphs import Edges
from models.graph.layouts import AGCN_LAYOUTS
from models.graph.stgcn import STGCN
from models.interaction.two_path import TwoPath
from models.night.zerodce import ZeroDCE
from models.sf_head.sfhead import SFHead
from models.training.classifier import Classifier

FRAME: Shape = (1, 3, 1, 224, 224)
FRAMES: Shape = (1, 3, 16, 112, 112)
LONG: Shape = (1, 3, 64, 224, 224)
SEGMENTS: Shape = (1, 128, 512)
MATRIX: Shape = (1, 128, 256)


def published(edges: Edges, num_joints: int) -> tuple[PublishedRow, ...]:
    """Return every row; the graph networks are built for the given skeleton (the papers' figures: NTU, 25 joints)."""
    return (
        *_cssi(edges, num_joints),
        *_amfi(edges, num_joints),
        *epam_rows(),
        *_interaction(),
        *_sf_head(edges, num_joints),
    )


def _cssi(edges: Edges, joints: int) -> Sequence[PublishedRow]:
    clip = (1, 3, 128, joints, 2)
    row = partial(row_of, "CSSIModel")

    def without_resnet(head: type[MatrixHead]) -> Callable[[], nn.Module]:
        return lambda: CSSIModel(60, skeleton=DINetR(edges, joints), video=CachedFrames(), head=head)

    undefined = "not reproduced: the paper does not define"
    heads: tuple[tuple[str, type[MatrixHead], float, float, str], ...] = (
        ("without_resnet", PVRM, 9.1e6, 2.5, "what is trained: DINet-R, fusion and PVRM"),
        ("lstm_without_resnet", LSTMHead, 10.8e6, 3.2, f"{undefined} its LSTM"),
        ("conv3d_without_resnet", Conv3dHead, 12.4e6, 4.6, f"{undefined} its 3-D CNN"),
    )
    return (
        row(
            "cssi",
            lambda: CSSIModel(60, skeleton=DINetR(edges, joints), video=FrameResNet()),
            clip,
            (1, 3, 128, 224, 224),
            parameters=15.2e6,
            gflops=2.5,
            remark="not reproduced: one model is printed with 15.2 M (Table 3) and with 9.1 M (Tables 8 and 11); "
            "128 frames through ResNet-18 alone are 232 G, and 2.5 G is what one frame and PVRM make",
        ),
        *(
            row(
                f"cssi_{name}",
                without_resnet(head),
                clip,
                SEGMENTS,
                parameters=size,
                gflops=cost,
                remark=remark,
            )
            for name, head, size, cost, remark in heads
        ),
        *_cssi_parts(edges, joints),
    )


def _cssi_parts(edges: Edges, joints: int) -> Sequence[PublishedRow]:
    row = partial(row_of, "CSSIModel")
    return (
        row("cssi_resnet18_frame", FrameResNet, FRAME, remark="the trunk, one frame of 128"),
        row(
            "cssi_resnet18_fc512_frame",
            lambda: FrameResNet(corrected_fc=True),
            FRAME,
            remark='its "corrected FC"',
        ),
        row(
            "cssi_dinet_r",
            lambda: DINetR(edges, joints),
            (1, 3, 128, joints, 2),
            remark="our reconstruction: DINet has no public definition",
        ),
        row("cssi_pvrm", lambda: PVRM(60), MATRIX),
        row("cssi_lstm", lambda: LSTMHead(60), MATRIX),
        row("cssi_conv3d", lambda: Conv3dHead(60), MATRIX),
    )


def _amfi(edges: Edges, joints: int) -> Sequence[PublishedRow]:
    clip = (1, 3, 300, joints, 2)
    row = partial(row_of, "AMFI-Net")
    return (
        row(
            "amfi",
            lambda: AMFINet(edges, joints, 60),
            FRAMES,
            clip,
            parameters=43.26e6,
            gflops=5.67,
            remark="5.67 G not reproduced: 300 frames of two people cost more in the skeleton's trunk alone; the "
            "association over one token attends to nothing",
        ),
        row(
            "amfi_paper_reading",
            lambda: AMFINet(edges, joints, 60, num_people=1),
            FRAMES,
            (1, 3, 30, joints, 1),
            gflops=5.67,
            remark="30 frames of one person: the only input near 5.67 G",
        ),
        row("r3d18", R3D18, FRAMES, parameters=33e6, remark="7×7×7 stem, no classifier"),
        row("r3d18_3x7x7", lambda: R3D18(stem="3x7x7"), FRAMES, parameters=33e6, remark="torchvision's stem"),
        *_agcn(edges, joints),
    )


def _agcn(edges: Edges, joints: int) -> Sequence[PublishedRow]:
    clip = (1, 3, 300, joints, 2)
    row = partial(row_of, "AMFI-Net")

    def agcn(layout: Literal["paper_9_512", "paper_10_512"]) -> Callable[[], nn.Module]:
        return lambda: AGCN(edges, joints, layout=AGCN_LAYOUTS[layout])

    return (
        row(
            "agcn",
            lambda: Classifier(AGCN(edges, joints), 60),
            clip,
            parameters=3.5e6,
            gflops=8.8,
            remark="2s-AGCN's joint stream; 8.8 G is EPAM-Net's figure for it, frames and people not said",
        ),
        row("agcn_120", lambda: Classifier(AGCN(edges, joints), 120), clip, remark="120 classes"),
        row("agcn_9_512", agcn("paper_9_512"), clip, remark="as AMFI-Net has it, no classifier"),
        row("agcn_10_512", agcn("paper_10_512"), clip, remark="the official ten blocks before the 512 block"),
    )


def _interaction() -> Sequence[PublishedRow]:
    def row(name: str, remark: str = "", **options: Any) -> PublishedRow:
        build: Callable[[], nn.Module] = lambda: Classifier(TwoPath(**options), 101, dropout=0.5)  # noqa: E731
        return PublishedRow(f"interaction_{name}", "interaction", build, (LONG,), remark=remark)

    return (
        row("sparse", "101 classes; the paper prints no sizes", variant="sparse"),
        row("dense", "the paper: about 20 % of the two paths' FLOPs", variant="dense"),
        row("both", variant="both"),
        row("full", "axes share one query, key and value: no published figure, our own reference"),
        row(
            "full_separate",
            "a query, key and value an axis: costs what SPEC measured for `full` (28.10 G), which made the shared "
            "ones anew for each axis",
            axis_qkv="separate",
        ),
        row("full_x3", "the depth that Table 1 prints; SPEC's 22.88 G as above", depth="table"),
        PublishedRow(
            "zero_dce",
            "interaction",
            ZeroDCE,
            ((1, 3, 224, 224),),
            79_416,
            remark="one frame; stands in for MDIFE-Net, which has no public definition",
        ),
    )


def _sf_head(edges: Edges, joints: int) -> Sequence[PublishedRow]:
    clip = (1, 3, 64, joints, 2)

    def row(
        name: str,
        network: Callable[..., Backbone],
        parameters: float | None,
        remark: str = "",
        *,
        classes: int = 120,
        sf_head: int | None = None,
    ) -> PublishedRow:
        build: Callable[[], nn.Module] = lambda: Classifier(  # noqa: E731
            network(edges, joints, sf_head=sf_head), classes
        )
        return PublishedRow(name, "SF-Head", build, (clip,), parameters, remark=remark)

    return (
        row(
            "ctrgcn",
            CTRGCN,
            1.46e6,
            "its mean over time is taken before two convolutions, not behind: 0.170 G less than the official code",
        ),
        row("ctrgcn_60", CTRGCN, None, "60 classes", classes=60),
        row(
            "ctrgcn_sf_head",
            CTRGCN,
            1.47e6,
            "+0.01 M in the paper is what rounding leaves of ten heads",
            sf_head=8,
        ),
        row("aagcn", AAGCN, 3.80e6, 'SF-Head\'s Table 4 calls it "2s-AGCN"'),
        row("aagcn_sf_head", AAGCN, None, sf_head=8),
        row("stgcn", STGCN, 2.11e6, "FR-Head's, with a temporal kernel of 5"),
        row("stgcn_sf_head", STGCN, None, sf_head=8),
        *(_sf_head_alone(channels, frames, joints) for channels, frames in ((64, 64), (128, 32), (256, 16))),
    )


def _sf_head_alone(channels: int, frames: int, joints: int) -> PublishedRow:
    return row_of("SF-Head", f"sf_head_{channels}", lambda: SFHead(channels), (2, channels, frames, joints))
