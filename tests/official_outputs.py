"""Outputs of the official modules whose weights are published, as digests of the spec's golden.json or measured."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from official_rivals import pyskl_c3d, pyskl_slowonly, pyskl_stgcnpp, tsm_resnet50
from official_states import Shapes, agcn, ctr_gcn, epam_net, pyskl_aagcn, pyskl_ctrgcn, sf_head_ctrgcn

from models.published.kinds import WeightsKind

Digest = dict[str, Any]


@dataclass(frozen=True)
class Official:
    """What an official module of that many classes gives on a ramp of that shape."""

    shapes: Callable[[int], Shapes]
    clip: tuple[int, ...]
    filled: Digest
    """With fill.py's values."""
    named: Digest
    """With values of each name's own."""
    num_classes: int
    options: dict[str, Any] = field(default_factory=dict)


OFFICIAL: dict[WeightsKind, Official] = {
    "2s_agcn": Official(
        agcn,
        (1, 3, 32, 25, 2),
        num_classes=60,
        filled={
            "first": [0.888077, 0.579357, 0.135729, -0.349997, -0.769968, -1.02562],
            "sum": -1.34353,
            "abs_sum": 39.66544,
            "dot_cos": -1.19218,
        },
        named={
            "first": [-0.0497524, 0.0417419, 0.1181655, 0.1713263, 0.1969004, 0.1919402],
            "sum": 0.800354,
            "abs_sum": 9.432804,
            "dot_cos": 0.732899,
        },
    ),
    "ctr_gcn": Official(
        ctr_gcn,
        (1, 3, 64, 25, 2),
        num_classes=120,
        filled={
            "first": [0.027994, 0.042557, 0.039705, 0.015775, -0.022461, -0.059992],
            "sum": 0.10509,
            "abs_sum": 4.63501,
            "dot_cos": 0.04644,
        },
        named={
            "first": [0.1730573, 0.0307742, -0.1241789, -0.2493508, -0.3100319, -0.2902905],
            "sum": 0.091508,
            "abs_sum": 20.581798,
            "dot_cos": -0.238851,
        },
    ),
}

OFFICIAL |= {
    "sf_head_ctrgcn": Official(
        sf_head_ctrgcn,
        (1, 3, 32, 25, 2),
        num_classes=120,
        options={"sf_head": 8},
        filled={
            "first": [0.0904905, 0.0612698, 0.0105395, -0.0548866, -0.1191513, -0.1615477],
            "sum": 0.124168,
            "abs_sum": 11.491389,
            "dot_cos": -0.036634,
        },
        named={
            "first": [0.1627578, 0.0462358, -0.0863405, -0.1974176, -0.2553709, -0.2448659],
            "sum": 0.086555,
            "abs_sum": 16.708536,
            "dot_cos": -0.171968,
        },
    ),
    "pyskl_aagcn": Official(
        pyskl_aagcn,
        (1, 3, 32, 25, 2),
        num_classes=60,
        filled={
            "first": [4.1629244, 3.3311701, 1.7621924, -0.2048815, -2.1379613, -3.6072998],
            "sum": 0.014217,
            "abs_sum": 162.92893,
            "dot_cos": 0.166081,
        },
        named={
            "first": [-0.1027626, -0.1136462, -0.0908746, -0.0472932, -0.0007346, 0.0337853],
            "sum": -0.297105,
            "abs_sum": 3.667389,
            "dot_cos": -0.279937,
        },
    ),
    "pyskl_ctrgcn": Official(
        pyskl_ctrgcn,
        (1, 3, 32, 25, 2),
        num_classes=60,
        options={"time_relu": True},
        filled={
            "first": [0.0664341, 0.1117011, 0.1244201, 0.0975173, 0.0384179, -0.0333019],
            "sum": 0.363935,
            "abs_sum": 3.433915,
            "dot_cos": 0.336776,
        },
        named={
            "first": [-0.06134, 0.0266899, 0.1176585, 0.1837932, 0.2023253, 0.1643731],
            "sum": 0.690331,
            "abs_sum": 6.299379,
            "dot_cos": 0.623001,
        },
    ),
    "epam_net_rgb": Official(
        epam_net,
        (1, 3, 4, 64, 64),
        num_classes=60,
        filled={
            "first": [0.0492763, -0.0280564, 0.1118774, -0.0127934, 0.058018, -0.0381972],
            "sum": 0.171675,
            "abs_sum": 2.799281,
            "dot_cos": 0.157957,
        },
        named={
            "first": [-0.0166005, -0.050668, -0.0444501, -0.0291649, 0.0053584, 0.0389499],
            "sum": -0.089477,
            "abs_sum": 1.874839,
            "dot_cos": -0.086621,
        },
    ),
    "epam_net_pose": Official(
        epam_net,
        (1, 17, 8, 32, 32),
        num_classes=60,
        filled={
            "first": [1.284545, -1.119087, -0.799022, 1.515897, 0.306993, -1.600253],
            "sum": -0.629366,
            "abs_sum": 60.830792,
            "dot_cos": -0.464699,
        },
        named={
            "first": [-0.0924132, -0.0545036, 0.0176428, -0.0259267, -0.0252024, 0.0826298],
            "sum": -0.062312,
            "abs_sum": 2.658393,
            "dot_cos": -0.06893,
        },
    ),
}

OFFICIAL |= {
    "pyskl_stgcnpp": Official(
        pyskl_stgcnpp,
        (1, 3, 32, 25, 2),
        num_classes=60,
        filled={
            "first": [0.2066295, 0.2344098, 0.2027837, 0.1143837, -0.0099047, -0.1362365],
            "sum": 0.467150,
            "abs_sum": 8.249665,
            "dot_cos": 0.436087,
        },
        named={
            "first": [-0.0859088, -0.0868135, -0.059936, -0.0190206, 0.0186838, 0.0400992],
            "sum": -0.173619,
            "abs_sum": 2.678749,
            "dot_cos": -0.166596,
        },
    ),
    "pyskl_slowonly": Official(
        pyskl_slowonly,
        (1, 17, 8, 32, 32),
        num_classes=60,
        filled={
            "first": [0.071548, 0.1074483, 0.0659323, -0.0125452, -0.0652192, -0.0579329],
            "sum": 0.125137,
            "abs_sum": 3.378579,
            "dot_cos": 0.128572,
        },
        named={
            "first": [-0.0631197, -0.0273688, 0.0185557, 0.0478172, 0.0479836, 0.0257739],
            "sum": 0.036646,
            "abs_sum": 2.001897,
            "dot_cos": 0.029048,
        },
    ),
    "pyskl_c3d": Official(
        pyskl_c3d,
        (1, 17, 8, 32, 32),
        num_classes=60,
        filled={
            "first": [0.0044725, 0.035508, 0.0506726, 0.0423571, 0.0139184, -0.0217782],
            "sum": 0.116410,
            "abs_sum": 1.885143,
            "dot_cos": 0.108563,
        },
        named={
            "first": [-0.0452819, -0.0565553, -0.0466695, -0.0256495, -0.0063896, 0.0020694],
            "sum": -0.192450,
            "abs_sum": 2.529701,
            "dot_cos": -0.182313,
        },
    ),
    "tsm_resnet50": Official(
        tsm_resnet50,
        (1, 3, 8, 64, 64),
        num_classes=60,
        filled={
            "first": [-0.0233957, 0.0743759, 0.004835, 0.0724844, 0.014012, -0.0424592],
            "sum": 0.128891,
            "abs_sum": 2.250996,
            "dot_cos": 0.118058,
        },
        named={
            "first": [-0.0048716, 0.0503393, 0.0438281, 0.036074, 0.0182387, -0.0386209],
            "sum": 0.113231,
            "abs_sum": 1.927466,
            "dot_cos": 0.105506,
        },
    ),
}
