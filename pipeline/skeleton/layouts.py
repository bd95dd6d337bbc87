"""Joint layouts: joint names, the bones that connect them, and which joints are left and right."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and connections of a skeleton's V joints."""

    name: str
    joints: tuple[str, ...]
    """V joint names, in the order of the arrays."""
    bones: tuple[tuple[int, int], ...]
    """Pairs (joint, its parent towards the body's centre): V - 1 of them, a tree."""
    centre: int
    """Joint used as origin: the middle of the spine (SPEC 0.3a)."""
    spine: tuple[tuple[int, ...], tuple[int, ...]]
    """Joints (hip centre, next joint up), each the mean of these; the AGCN normalisation rotates this bone to
    +z.
    """
    shoulders: tuple[int, int]
    """Joints (right, left); the AGCN normalisation rotates this line to +x."""
    pairs: tuple[tuple[int, int], ...]
    """Pairs (left, right) of joints that a mirror exchanges."""
    limbs: tuple[tuple[int, int], ...] = ()
    """Pairs of joints that limb heatmaps draw, where these are not the bones; see `drawn_limbs`."""
    farthest_metres: float = 20.0
    """Distance along any axis from which a joint is flagged as implausible; depth sensors see 8 metres at
    most.
    """
    farthest_pixels: float = 20_000.0
    """The same limit in pixels: trackers guess joints outside the picture, but not two 8K pictures away."""

    @property
    def num_joints(self) -> int:
        """V, the number of joints."""
        return len(self.joints)

    @property
    def drawn_limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of joints that limb heatmaps draw, one channel each."""
        return self.limbs or self.bones

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each joint, the index of the joint that replaces it in a mirror."""
        order = list(range(self.num_joints))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return tuple(order)


NTU_25 = Layout(
    name="ntu_25",
    joints=(
        "spine_base", "spine_mid", "neck", "head",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
        "spine_shoulder", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb",
    ),
    bones=(
        (0, 1), (1, 20), (2, 20), (3, 2),
        (4, 20), (5, 4), (6, 5), (7, 6),
        (8, 20), (9, 8), (10, 9), (11, 10),
        (12, 0), (13, 12), (14, 13), (15, 14),
        (16, 0), (17, 16), (18, 17), (19, 18),
        (21, 22), (22, 7), (23, 24), (24, 11),
    ),
    centre=1,
    spine=((0,), (1,)),
    shoulders=(8, 4),
    pairs=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24)),
)  # fmt: skip
"""Kinect v2, as in NTU RGB+D; bones as in 2s-AGCN's graph (centre of the graph: joint 20)."""

UTD_20 = Layout(
    name="utd_20",
    joints=(
        "head", "shoulder_centre", "spine", "hip_centre",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
    ),
    bones=(
        (0, 1), (2, 1), (3, 2),
        (4, 1), (5, 4), (6, 5), (7, 6),
        (8, 1), (9, 8), (10, 9), (11, 10),
        (12, 3), (13, 12), (14, 13), (15, 14),
        (16, 3), (17, 16), (18, 17), (19, 18),
    ),
    centre=2,
    spine=((3,), (2,)),
    shoulders=(8, 4),
    pairs=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
)  # fmt: skip
"""Kinect v1, as in UTD-MHAD."""

NW_UCLA_20 = Layout(
    name="nw_ucla_20",
    joints=(
        "hip_centre", "spine", "shoulder_centre", "head",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
    ),
    bones=(
        (0, 1), (1, 2), (3, 2),
        (4, 2), (5, 4), (6, 5), (7, 6),
        (8, 2), (9, 8), (10, 9), (11, 10),
        (12, 0), (13, 12), (14, 13), (15, 14),
        (16, 0), (17, 16), (18, 17), (19, 18),
    ),
    centre=1,
    spine=((0,), (1,)),
    shoulders=(8, 4),
    pairs=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
)  # fmt: skip
"""Kinect v1 in its own order, as in Northwestern-UCLA; bones as in CTR-GCN's graph/ucla.py (centre: joint 2)."""

SMARTHOME_13 = Layout(
    name="smarthome_13",
    joints=(
        "right_ankle", "left_ankle", "right_knee", "left_knee", "right_hip", "left_hip",
        "right_wrist", "left_wrist", "right_elbow", "left_elbow", "right_shoulder", "left_shoulder", "head",
    ),
    bones=(
        (0, 2), (2, 4), (4, 10), (1, 3), (3, 5), (5, 11),
        (6, 8), (8, 10), (7, 9), (9, 11), (10, 12), (11, 12),
    ),
    centre=12,
    spine=((4, 5), (10, 11)),
    shoulders=(10, 11),
    pairs=((1, 0), (3, 2), (5, 4), (7, 6), (9, 8), (11, 10)),
    limbs=(
        (0, 2), (2, 4), (4, 10), (1, 3), (3, 5), (5, 11),
        (6, 8), (8, 10), (7, 9), (9, 11), (10, 12), (11, 12), (4, 5), (10, 11),
    ),
)  # fmt: skip
"""LCR-Net's thirteen joints, as in Toyota Smarthome's skeletons.

There is no joint of the spine, so the tree hangs from the head; the limbs are its bones, the hips and the shoulders.
"""

COCO_17 = Layout(
    name="coco_17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    bones=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5),
        (10, 8), (8, 6), (5, 0), (6, 0), (1, 0), (3, 1), (2, 0), (4, 2),
    ),
    centre=0,
    spine=((11, 12), (5, 6)),
    shoulders=(6, 5),
    pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    limbs=(
        (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10),
        (5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12),
    ),
)  # fmt: skip
"""COCO's key points in pixels, with bones and centre (the nose) as in PYSKL's graph.

The 17 limbs are those of its heatmaps and of EPAM-Net's; there is no joint of the spine, so the torso runs
from between the hips to between the shoulders.
"""

OPENPOSE_25 = Layout(
    name="openpose_25",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
        "left_shoulder", "left_elbow", "left_wrist",
        "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    ),
    bones=(
        (0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
        (8, 1), (9, 8), (10, 9), (11, 10), (12, 8), (13, 12), (14, 13),
        (15, 0), (16, 0), (17, 15), (18, 16),
        (19, 14), (20, 19), (21, 14), (22, 11), (23, 22), (24, 11),
    ),
    centre=1,
    spine=((8,), (1,)),
    shoulders=(2, 5),
    pairs=((5, 2), (6, 3), (7, 4), (12, 9), (13, 10), (14, 11), (16, 15), (18, 17), (19, 22), (20, 23), (21, 24)),
)  # fmt: skip
"""OpenPose's BODY_25 in pixels; its own pairs are the bones, and they hang from the neck."""

OPENPOSE_18 = Layout(
    name="openpose_18",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
        "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    bones=(
        (0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9),
        (11, 5), (12, 11), (13, 12), (14, 0), (15, 0), (16, 14), (17, 15),
    ),
    centre=1,
    spine=((8, 11), (1,)),
    shoulders=(2, 5),
    pairs=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
)  # fmt: skip
"""OpenPose's COCO model in pixels, with bones and centre (the neck) as in ST-GCN's graph for Kinetics."""

MEDIAPIPE_33 = Layout(
    name="mediapipe_33",
    joints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "left_mouth", "right_mouth",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    bones=(
        (1, 0), (2, 1), (3, 2), (7, 3), (4, 0), (5, 4), (6, 5), (8, 6), (9, 0), (10, 0),
        (13, 11), (15, 13), (17, 15), (19, 15), (21, 15), (14, 12), (16, 14), (18, 16), (20, 16), (22, 16),
        (23, 11), (25, 23), (27, 25), (29, 27), (31, 29), (24, 12), (26, 24), (28, 26), (30, 28), (32, 30),
        (11, 0), (12, 0),
    ),
    centre=0,
    spine=((23, 24), (11, 12)),
    shoulders=(12, 11),
    pairs=(
        (1, 4), (2, 5), (3, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16), (17, 18), (19, 20), (21, 22),
        (23, 24), (25, 26), (27, 28), (29, 30), (31, 32),
    ),
    limbs=(
        (0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10), (11, 12),
        (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19),
        (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20),
        (11, 23), (12, 24), (23, 24), (23, 25), (24, 26), (25, 27), (26, 28),
        (27, 29), (28, 30), (29, 31), (30, 32), (27, 31), (28, 32),
    ),
)  # fmt: skip
"""MediaPipe's pose landmarks in pixels; its connections are the limbs, and the bones hang from the nose, as COCO's."""

BOX_4 = Layout(
    name="box_4",
    joints=("left_top", "right_top", "left_bottom", "right_bottom"),
    bones=((1, 0), (2, 0), (3, 1)),
    centre=0,
    spine=((2, 3), (0, 1)),
    shoulders=(1, 0),
    pairs=((0, 1), (2, 3)),
    limbs=((0, 1), (0, 2), (1, 3), (2, 3)),
)
"""Corners of a person's box, left and right as the picture has them: boxes from elsewhere, and no body."""

WHOLE_FRAME = Layout(
    name="whole_frame", joints=("centre",), bones=(), centre=0, spine=((0,), (0,)), shoulders=(0, 0), pairs=()
)
"""Layout of datasets without skeletons: one joint, never known, so that boxes are whole frames."""

BODIES: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        NTU_25,
        UTD_20,
        NW_UCLA_20,
        SMARTHOME_13,
        COCO_17,
        OPENPOSE_25,
        OPENPOSE_18,
        MEDIAPIPE_33,
    )
}
"""Layouts of a body's joints, each by its name."""

LAYOUTS: dict[str, Layout] = {**BODIES, BOX_4.name: BOX_4, WHOLE_FRAME.name: WHOLE_FRAME}
"""All layouts, each by its name."""
