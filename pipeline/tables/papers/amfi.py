"""Tables 3 to 6 and 8 of AMFI-Net: heads on the frozen features of one video and one skeleton network."""

from collections.abc import Mapping
from typing import Any

from pipeline.tables.spec import Row, Scale, Setup, Table, network_row

VIEW = "NTU60 X-View"

OURS: Mapping[str, Any] = {"lambda_gate": 1.5, "decision": "skeleton"}
"""Options of the paper's own row in each table, and of the head by default."""

_STEPS: dict[str, Any] = {"epochs": 50, "batch": 64, "lr": 0.1, "schedule": "milestones"}

PAPER = Setup(
    sample={"r16": {"rule": "centered", "num_frames": 16}},
    recipes={"r16": {"sampling": "r16", "box": {"rule": "window"}, "size": [112, 112]}},
    backbones={
        "video": {
            "modality": "video",
            "recipe": "r16",
            "model": {"kind": "r3d18", "width": 64, "stem": "7x7x7"},
            "augment": {"kind": "amfi", "scales": [0.5, 1.0]},
            "plan": {**_STEPS, "milestones": [20, 40], "weight_decay": 5.0e-4},
        },
        "skeleton": {
            "modality": "skeleton",
            "model": {"kind": "agcn", "layout": "paper_9_512"},
            "input": {"style": "agcn", "num_frames": 300, "max_persons": 2},
            "augment": {"crop_shares": [1.0, 1.0], "rotation_radians": 0.0, "scale": 0.0},
            "plan": {**_STEPS, "milestones": [30, 40], "nesterov": True, "weight_decay": 5.0e-4},
        },
    },
    plan={
        "epochs": 6,
        "batch": 64,
        "lr": 0.01,
        "schedule": "milestones",
        "milestones": [3],
        "weight_decay": 5.0e-4,
    },
    about="R3D-18 with 64 channels and AGCN with 9 + 512 blocks, six epochs of the heads, as the paper has them; "
    "epochs of the backbones are our reading",
)

SETUPS: Mapping[Scale, Setup] = {"small": Setup(), "paper": PAPER}

SELECTION = "on test accuracy (Algorithm 1)"


def _row(label: str, method: str, percent: float, **more: Any) -> Row:
    return Row(label=label, method=method, paper={VIEW: percent}, needs=("video", "skeleton"), **more)


def _table(number: int, caption: str, rows: tuple[Row, ...], reference: str, **more: Any) -> Table:
    return Table(
        name=f"amfi-{number}",
        title=f"AMFI-Net, Table {number}: {caption}",
        rows=rows,
        reference=reference,
        setups=SETUPS,
        selection=SELECTION,
        **more,
    )


def _lambda(value: float, percent: float) -> Row:
    return _row(f"λ = {value:g}", f"amfi@lambda_{value:g}", percent, options={"lambda_gate": value})


AMFI_TABLES: tuple[Table, ...] = (
    _table(
        3,
        "effect of the feature fusion scheme",
        (
            _row("Average", "average", 94.65),
            _row("Multiplication", "multiplication", 94.53),
            _row("Max", "max", 94.63),
            _row("Concatenation", "concatenation", 94.99),
            _row("Ours", "amfi", 95.82, usual=OURS),
        ),
        "Ours",
    ),
    _table(
        4,
        "effect of multimodality",
        (
            network_row("Only RGB", "video", {VIEW: 88.67}),
            network_row("Only skeleton", "skeleton", {VIEW: 93.24}),
            _row("Ours", "amfi", 95.82, usual=OURS),
        ),
        "Ours",
        level="end to end of one modality, frozen trunk of the fusion",
    ),
    _table(
        5,
        "effect of the weight λ of the gate's loss",
        (
            _lambda(1, 95.22),
            _row("λ = 1.5", "amfi", 95.82, usual=OURS),
            _lambda(3, 95.71),
            _lambda(5, 95.09),
        ),
        "λ = 1.5",
    ),
    _table(
        6,
        "impact of the decision module",
        (
            _row("RGB", "amfi@decision_video", 88.26, options={"decision": "video"}),
            _row("skeleton", "amfi", 95.82, usual=OURS),
        ),
        "skeleton",
    ),
    Table(
        name="amfi-8",
        title="AMFI-Net, Table 8: UTD-MHAD",
        rows=(
            *(
                Row(
                    label=label,
                    paper={"UTD-MHAD": percent},
                    why_not="another paper's network, not built here",
                )
                for label, percent in (("JDM-CNN", 88.10), ("MCRL", 93.02), ("PoseMap", 94.51))
            ),
            Row(
                label="AMFI-Net",
                paper={"UTD-MHAD": 93.21},
                method="amfi",
                usual=OURS,
                needs=("video", "skeleton"),
                remark="the paper's video is RGB; the preset `utd_mhad` reads depth",
            ),
        ),
        reference="AMFI-Net",
        setups=SETUPS,
        selection=SELECTION,
    ),
)
