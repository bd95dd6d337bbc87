"""The facts of NTU RGB+D's protocols: who trains, and which clips have no usable skeleton (SPEC 0.1)."""

from functools import cache
from importlib.resources import files

from pipeline.datasets.protocol import Axis, check_choice
from pipeline.values import Clip, Split

NUM_ACTIONS = {60: 60, 120: 120}
"""Actions A001 … of each version."""

NUM_CLIPS = {60: 56_880, 120: 114_480}
"""Clips of each version when whole, those with missing skeletons included."""

XSUB_60_TRAIN = frozenset((1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38))
"""Training subjects of NTU RGB+D, cross-subject (Shahroudy et al., CVPR 2016): 20 of 40."""

XSUB_120_TRAIN = XSUB_60_TRAIN.union(
    (45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78),
    (80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
)
"""Training subjects of NTU RGB+D 120, cross-subject (Liu et al., TPAMI 2020): 53 of 106."""

XVIEW_TRAIN_CAMERAS = frozenset((2, 3))
"""Cross-view trains on these; camera 1 tests."""

PROTOCOL_AXES: dict[int, dict[str, Axis]] = {
    60: {"xsub": "subject", "xview": "camera"},
    120: {"xsub": "subject", "xset": "setup"},
}
"""Official protocols of each version, and what differs between their two sides."""

OFFICIAL_SIDES: dict[int, dict[str, tuple[int, int]]] = {
    60: {"xsub": (40_091, 16_487), "xview": (37_646, 18_932)},
    120: {"xsub": (63_026, 50_919), "xset": (54_468, 59_477)},
}
"""Clips that train and that test, those on the published list of missing skeletons left out, as PYSKL's and CTR-GCN's
lists have them."""


def ntu_split(clip: Clip, protocol: str, version: int) -> Split:
    """The official side of a clip; set-ups of even number train."""
    check_choice(protocol, tuple(PROTOCOL_AXES[version]), f"protocol of NTU RGB+D {version}")
    if protocol == "xsub":
        trains = clip.subject in (XSUB_60_TRAIN if version == 60 else XSUB_120_TRAIN)
    elif protocol == "xview":
        trains = clip.camera in XVIEW_TRAIN_CAMERAS
    else:
        trains = clip.setup % 2 == 0
    return "train" if trains else "test"


@cache
def missing_skeletons(version: int) -> frozenset[str]:
    """Ids on the published list of missing or incomplete skeletons: 302 of NTU 60, 535 of NTU 120."""
    text = files("pipeline.datasets.ntu").joinpath(f"ntu{version}_missing.txt").read_text(encoding="ascii")
    return frozenset(text.split())
