"""Tables 1 to 4 of SF-Head: its losses, its parts, its dimensions, and the networks that it is put into."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tables.spec import Row, Scale, Setup, Table, network_row

SUBJECT, SET = "NTU120 X-Sub", "NTU120 X-Set"
GATES = ("channel", "temporal", "spatial")
"""ACDA, ATDA and ASDA of Table 3, as the option `gates` names them."""

_SMALL = [[32, 1], [32, 2], [64, 2]]
_GROUPS = 8
_KINDS = ("stgcn", "aagcn", "ctrgcn")


def _backbones(model: Mapping[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    graph = {"modality": "skeleton", "model": {"kind": "ctrgcn", **model}, **more}
    plain = {kind: {**graph, "model": {"kind": kind, **model}} for kind in _KINDS}
    headed = {
        f"{kind}_sf": {**graph, "model": {"kind": kind, **model, "sf_head": _GROUPS}} for kind in _KINDS
    }
    return {"graph": {**graph, "cuts": ["features", "last_block", "joints"]}, **plain, **headed}


_PLAN = {
    "epochs": 90,
    "batch": 64,
    "lr": 0.1,
    "lr_min": 1.0e-4,
    "schedule": "cosine",
    "warmup_epochs": 5,
    "warmup_end": "last",
    "nesterov": True,
    "weight_decay": 4.0e-4,
}

_FEW_EPOCHS = {
    "epochs": 6,
    "batch": 16,
    "lr": 0.05,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "nesterov": True,
}
"""A block on maps costs far more an epoch than the vectors' heads, which a small preset's own plan is for."""

SETUPS: Mapping[Scale, Setup] = {
    "small": Setup(
        backbones=_backbones({"layout": _SMALL}),
        plan={**_FEW_EPOCHS, "weight_decay": 4.0e-4},
        about="three blocks of 32, 32 and 64 channels on the preset's joints and with its plan; "
        "a last block learns for six epochs",
    ),
    "paper": Setup(
        backbones=_backbones(
            {},
            input={"style": "ctr", "num_frames": 64, "max_persons": 2, "length": "resize"},
            augment={"crop_shares": [0.5, 1.0], "rotation_radians": 0.3, "scale": 0.0},
            plan=_PLAN,
        ),
        plan=_PLAN,
        about="the official networks and the paper's plan, of the last block too",
    ),
}


def _table(number: int, caption: str, rows: tuple[Row, ...], reference: str, **more: Any) -> Table:
    return Table(
        name=f"sfhead-{number}",
        title=f"SF-Head, Table {number}: {caption}",
        rows=rows,
        reference=reference,
        setups=SETUPS,
        level="end to end",
        **more,
    )


def _last(label: str, word: str, percent: float, **sf_head: Any) -> Row:
    """A row whose head is put into the last block alone; the blocks before are frozen, and have none."""
    return Row(
        label=label,
        paper={SUBJECT: percent},
        method=f"last_block@{word}" if word else "last_block",
        options={"sf_head": {"groups": _GROUPS, **sf_head}} if sf_head else {},
        streams={"skeleton": "graph"},
        needs=("graph",),
        level="last block",
    )


def _losses(number: int, margin: float, gamma: float, con: float, red: float, percent: float) -> Row:
    label = f"{number}: m {margin:g}, γ {gamma:g}, λ_con {con:g}, λ_red {red:g}"
    loss = {"margin": margin, "gamma": float(gamma), "lambda_con": con, "lambda_red": red}
    return _last(label, f"loss_{number}", percent, loss=loss)


_TABLE_1 = (
    (0.5, 2, 1.0, 1.0, 85.48),
    (0.5, 2, 0.1, 0.1, 85.80),
    (0.5, 2, 0.01, 0.01, 85.34),
    (0.5, 2, 0.5, 0.1, 85.52),
    (0.5, 2, 0.2, 0.1, 85.96),
    (0.5, 2, 0.05, 0.1, 85.47),
    (1.0, 3, 0.2, 0.1, 85.76),
    (0.6, 2, 0.2, 0.1, 85.92),
    (0.2, 1, 0.2, 0.1, 85.64),
    (0.8, 2, 0.2, 0.1, 85.88),
    (0.4, 2, 0.2, 0.1, 86.04),
    (0.2, 2, 0.2, 0.1, 85.93),
)
"""m, gamma, lambda_con, lambda_red, and the printed accuracy."""

_HYPER = tuple(_losses(number, *values) for number, values in enumerate(_TABLE_1, start=1))


def _parts(number: int, parts: str, percent: float) -> Row:
    """A row of Table 2, by the letters of its parts: S of SSTE, A of AC-FA, F of the losses F-RCL."""
    names = " + ".join(
        name for letter, name in (("S", "SSTE"), ("A", "AC-FA"), ("F", "F-RCL")) if letter in parts
    )
    if not parts:
        return _last(f"{number}: CTR-GCN", "", percent)
    loss = {} if "F" in parts else {"lambda_con": 0.0, "lambda_red": 0.0}
    gates = list(GATES) if "A" in parts else []
    return _last(f"{number}: {names}", f"parts_{parts}", percent, sste="S" in parts, gates=gates, loss=loss)


_TABLE_2 = (
    ("", 84.72),
    ("S", 84.81),
    ("A", 85.58),
    ("F", 85.36),
    ("SA", 85.74),
    ("SF", 85.50),
    ("AF", 85.70),
    ("SAF", 86.04),
)


def _dimensions(number: int, gates: Sequence[str], percent: float) -> Row:
    called = dict(zip(GATES, ("ACDA", "ATDA", "ASDA"), strict=True))
    label = f"{number}: {' + '.join(called[gate] for gate in gates) or 'none'}"
    word = "".join(gate[0] for gate in gates) or "none"
    return _last(label, f"gates_{word}", percent, gates=list(gates))


_C, _T, _S = GATES

_TABLE_3: tuple[tuple[tuple[str, ...], float], ...] = (
    ((), 85.50),
    ((_C,), 85.68),
    ((_T,), 85.70),
    ((_S,), 85.60),
    ((_C, _T), 85.92),
    ((_C, _S), 85.75),
    ((_T, _S), 85.84),
    ((_C, _T, _S), 86.04),
)


def _network(label: str, backbone: str, subject: float, of_set: float, parameters: float, **more: Any) -> Row:
    """A row of Table 4, trained end to end where the network is built here."""
    paper, sizes = {SUBJECT: subject, SET: of_set}, {"parameters": parameters}
    if backbone.removesuffix("_sf") in _KINDS:
        network = backbone.replace("_sf", "_sf_head")
        return network_row(label, backbone, paper, sizes=sizes, network=network, **more)
    absent = "another paper's network, not built here"
    return Row(label=label, paper=paper, sizes=sizes, why_not=absent, **more)


def _pair(name: str, backbone: str, plain: Sequence[float], headed: Sequence[float]) -> tuple[Row, Row]:
    return (
        _network(name, backbone, *plain, against=name),
        _network(f"{name} + SF-Head", f"{backbone}_sf", *headed, against=name),
    )


_TABLE_4 = (
    _pair("ST-GCN", "stgcn", (83.62, 85.32, 2.11e6), (84.74, 86.82, 2.12e6)),
    _pair("2s-AGCN (AAGCN)", "aagcn", (84.51, 86.12, 3.80e6), (85.56, 87.00, 3.81e6)),
    _pair("CTR-GCN", "ctrgcn", (84.72, 86.83, 1.46e6), (86.04, 87.76, 1.47e6)),
    _pair("Info-GCN", "infogcn", (85.24, 86.45, 1.62e6), (85.92, 87.35, 1.63e6)),
    _pair("HD-GCN", "hdgcn", (85.42, 87.36, 1.68e6), (85.94, 88.02, 1.69e6)),
    _pair("Block-GCN", "blockgcn", (86.88, 88.16, 1.30e6), (87.25, 88.64, 1.31e6)),
    _pair("ProtoGCN", "protogcn", (85.52, 88.35, 4.34e6), (85.95, 88.68, 4.35e6)),
)

_LAST = (
    "The head is in the last block alone, which is trained on the frozen blocks before it; the paper trains a network "
    "with one in each of its ten blocks."
)

_TICKS = " Which parts a row has is inferred from the text: the table's marks are lost."

SF_HEAD_TABLES: tuple[Table, ...] = (
    _table(1, "hyper-parameters of F-RCL", _HYPER, _HYPER[10].label, note=_LAST),
    _table(
        2,
        "sub-modules of SF-Head",
        tuple(_parts(number, *values) for number, values in enumerate(_TABLE_2, start=1)),
        "1: CTR-GCN",
        note=_LAST + _TICKS,
    ),
    _table(
        3,
        "dimensions of AC-FA",
        tuple(_dimensions(number, *values) for number, values in enumerate(_TABLE_3, start=1)),
        "1: none",
        note=_LAST + _TICKS,
    ),
    _table(
        4,
        "SF-Head in several networks",
        tuple(row for pair in _TABLE_4 for row in pair),
        "CTR-GCN",
        networks_by_seed=True,
        note="The paper's 2s-AGCN and ST-GCN are FR-Head's definitions, by their sizes, and so are ours.",
    ),
)
