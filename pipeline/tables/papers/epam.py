"""Tables 3 to 6 of EPAM-Net: its two networks, their fusions, the shift's share, and rival networks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.tables.spec import Row, Scale, Setup, Table, features_alone, network_row

NTU = ("NTU60 X-Sub", "NTU60 X-View", "NTU120 X-Sub", "NTU120 X-Set")
SUBJECT, VIEW, *_ = NTU
TOYOTA = ("Toyota CS", "Toyota CV2")

_SMALL = {"width": 8, "blocks": [1, 1, 1]}
_RGB_CUTS, _POSE_CUTS = ["features", "map"], ["features", "channel_pool", "strided_map"]


def _rgb(kind: str, **model: Any) -> dict[str, Any]:
    return {"modality": "video", "model": {"kind": kind, **model}, "cuts": _RGB_CUTS}


def _pose(kind: str, **model: Any) -> dict[str, Any]:
    return {"modality": "heatmaps", "model": {"kind": kind, **model}, "cuts": _POSE_CUTS}


def _backbones(rgb: Mapping[str, Any], pose: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "rgb": _rgb("rgb_xshift", **rgb),
        "rgb_half": _rgb("rgb_xshift", **rgb, shift_division=4),
        "rgb_x3d": {**_rgb("x3d_m", **rgb), "cuts": ["features"]},
        "pose": _pose("pose_xshift", **pose),
        "pose_quarter": _pose("pose_xshift", **pose, shift_division=8),
        "pose_x3d": {**_pose("x3d_s", **pose), "cuts": ["features"]},
    }


def _rivals(*, small: bool) -> dict[str, dict[str, Any]]:
    """The networks of Tables 5 and 6 that are not EPAM-Net's nor X3D."""
    tsm, briefly = ({"network": "resnet18"}, {"epochs": 2}) if small else ({}, {})
    slow = {"width": 8, "blocks": [1, 1, 1, 1]} if small else {}
    pose_slow, c3d = (_SMALL, {"width": 8}) if small else ({}, {})
    return {
        "tsm_8": {**_rgb("tsm", **tsm), **briefly, "recipe": "rgb8"},
        "tsm_16": {**_rgb("tsm", **tsm), **briefly},
        "slowonly": {**_rgb("slowonly", **slow), "recipe": "rgb8"},
        "pose_c3d": _pose("c3d_pose", **c3d),
        "pose_slowonly": _pose("slowonly_pose", **pose_slow),
    }


def _at_paper_size(backbones: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The networks of the paper; plans by SPEC 3.4, of which weight decay and clipping are the code's."""
    shared = {"schedule": "cosine", "weight_decay": 3.0e-4, "grad_clip": 40.0}
    plans = {
        "video": {"epochs": 200, "batch": 64, "lr": 0.05, **shared},
        "heatmaps": {"epochs": 240, "batch": 96, "lr": 0.0375, **shared},
    }
    seen: dict[str, dict[str, Any]] = {
        "video": {
            "recipe": "rgb16",
            "pixels": IMAGENET,
            "augment": {"kind": "light", "shift_pixels": 0, "flip_chance": 0.5},
        },
        "heatmaps": {"flip_chance": 0.5},
    }
    return {
        name: {"dropout": 0.5, "plan": plans[one["modality"]], **seen[one["modality"]], **one}
        for name, one in backbones.items()
    }


IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
"""Pixels as the official code scales them: 123.675, 116.28, 103.53 and 58.395, 57.12, 57.375 of 255."""

_WINDOW = {"box": {"rule": "square"}, "storage": "jpeg"}

SETUPS: Mapping[Scale, Setup] = {
    "small": Setup(
        backbones=_backbones(_SMALL, {**_SMALL, "frame_stride": 1}),
        about="three stages of one block, 8 channels wide, on the preset's frames and heatmaps and with its plans",
    ),
    "paper": Setup(
        sample={
            "rgb16": {"rule": "strided", "num_frames": 16, "stride_frames": 3},
            "pose48": {"rule": "strided", "num_frames": 48, "stride_frames": 1},
        },
        recipes={
            "rgb16": {"sampling": "rgb16", "size": [224, 224], **_WINDOW},
            "pose48": {"sampling": "pose48", "size": [56, 56], **_WINDOW},
        },
        heatmaps={
            "recipe": "pose48",
            "size": [56, 56],
            "sigma": 0.6,
            "with_joints": True,
            "with_limbs": False,
        },
        backbones=_at_paper_size(_backbones({}, {})),
        plan={
            "epochs": 10,
            "batch": 24,
            "lr": 0.001,
            "schedule": "cosine",
            "weight_decay": 3.0e-4,
            "grad_clip": 40.0,
        },
        about="the paper's networks, sizes and plans, on windows of 48 consecutive frames, where the paper draws 48 "
        "of the whole clip: maps of two samplings that draw cannot be laid over each other",
    ),
}

_EIGHT: Mapping[Scale, Mapping[str, Any]] = {
    "small": {"rule": "centered", "num_frames": 8},
    "paper": {"rule": "strided", "num_frames": 8, "stride_frames": 6},
}
"""Sampling of the networks of Table 5 that look at eight frames."""


def _compared(scale: Scale, setup: Setup) -> Setup:
    """Tables 5 and 6: the rival networks too, and a recipe of eight frames."""
    rivals = _rivals(small=scale == "small")
    window = {} if scale == "small" else {"size": [224, 224], **_WINDOW}
    return replace(
        setup,
        backbones={**setup.backbones, **(rivals if scale == "small" else _at_paper_size(rivals))},
        sample={**setup.sample, "rgb8": _EIGHT[scale]},
        recipes={**setup.recipes, "rgb8": {"sampling": "rgb8", **window}},
        about=setup.about + ("; TSM in a whole ResNet-18, for two epochs" if scale == "small" else ""),
    )


COMPARED: Mapping[Scale, Setup] = {scale: _compared(scale, setup) for scale, setup in SETUPS.items()}

SELECTION = "on test accuracy (the official trainer keeps the best top-1 of the test loader)"


def _table(number: int, caption: str, rows: tuple[Row, ...], reference: str, **more: Any) -> Table:
    return Table(
        name=f"epam-{number}",
        title=f"EPAM-Net, Table {number}: {caption}",
        rows=rows,
        reference=reference,
        setups=SETUPS if number == 3 else features_alone(SETUPS if number == 4 else COMPARED),
        level="end to end",
        networks_by_seed=True,
        selection=SELECTION,
        **more,
    )


def _fused(label: str, method: str, paper: Mapping[str, float], **options: Any) -> Row:
    streams = {"rgb": "rgb", "pose": "pose"}
    return Row(
        label=label, paper=paper, method=method, options=options, streams=streams, needs=("rgb", "pose")
    )


def _every(*percent: float) -> dict[str, float]:
    return dict(zip((*NTU, *TOYOTA), percent, strict=True))


EPAM_TABLES: tuple[Table, ...] = (
    _table(
        3,
        "ablations of the architecture's components",
        (
            network_row("Pose-X-ShiftNet", "pose", _every(92.72, 96.39, 84.0, 87.26, 65.74, 59.30)),
            network_row("RGB-X-ShiftNet", "rgb", _every(94.83, 98.04, 90.13, 91.58, 62.73, 58.81)),
            _fused(
                "Score fusion", "epam@none", _every(96.0, 98.77, 91.40, 93.41, 70.29, 64.78), attention="none"
            ),
            _fused("Ours with STA", "epam", _every(96.1, 99.0, 92.4, 94.3, 71.7, 67.8)),
            _fused(
                "Attention of [38] (section 4.4.2)",
                "epam@rival",
                {SUBJECT: 96.20, VIEW: 98.9},
                attention="rival",
            ),
        ),
        "Ours with STA",
        note="Toyota: the paper prints the mean over classes, which the CSV and JSON have as mean_class.",
    ),
    _table(
        4,
        "the share of channels that X-ShiftNet shifts",
        (
            network_row("RGB, 1/4", "rgb", {SUBJECT: 94.83, VIEW: 98.04}),
            network_row("RGB, 1/2", "rgb_half", {SUBJECT: 95.03, VIEW: 97.98}),
            network_row("Pose, 1/4", "pose_quarter", {SUBJECT: 92.6, VIEW: 95.7}, against="Pose, 1/2"),
            network_row("Pose, 1/2", "pose", {SUBJECT: 92.7, VIEW: 96.4}, against="Pose, 1/2"),
        ),
        "RGB, 1/4",
    ),
    _table(
        5,
        "RGB networks",
        (
            network_row("TSM, 8 frames", "tsm_8", {SUBJECT: 92.3}, network="tsm_8"),
            network_row("TSM, 16 frames", "tsm_16", {SUBJECT: 93.7}, network="tsm_16"),
            network_row("SlowOnly", "slowonly", {SUBJECT: 94.9}, network="slowonly"),
            network_row("X3D", "rgb_x3d", {SUBJECT: 94.0}, network="x3d_m"),
            network_row("RGB-X-ShiftNet", "rgb", {SUBJECT: 94.8}, network="rgb_xshift"),
        ),
        "RGB-X-ShiftNet",
    ),
    _table(
        6,
        "skeleton networks",
        (
            network_row("C3D", "pose_c3d", {SUBJECT: 92.5}, network="c3d_pose"),
            network_row("SlowOnly", "pose_slowonly", {SUBJECT: 93.1}, network="slowonly_pose"),
            network_row("X3D", "pose_x3d", {SUBJECT: 92.84}, network="x3d_s_pose"),
            network_row("Pose-X-ShiftNet", "pose", {SUBJECT: 92.72}, network="pose_xshift"),
        ),
        "Pose-X-ShiftNet",
    ),
)
