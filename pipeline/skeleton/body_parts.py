"""The six body parts of a joint layout, derived from its joints' names: `parts` of DINet-R (SPEC 1.3)."""

from pipeline.skeleton.layouts import Layout

HEAD = ("neck", "head", "nose", "eye", "ear")
ARM = ("shoulder", "elbow", "wrist", "hand", "thumb")
LEG = ("hip", "knee", "ankle", "foot", "heel", "toe")
"""Words in the names of a leg's joints, from the trunk outward."""


def body_parts(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """Return joint indices of head, torso, arms and legs, each outward; parts without joints are left out.

    The torso holds what belongs to no other part, or where nothing does (COCO) shoulders and hips, which then
    belong to two parts. NTU-25: (2, 3), (0, 1, 20), (4, 5, 6, 7, 21, 22), (8, 9, 10, 11, 23, 24),
    (12, 13, 14, 15), (16, 17, 18, 19).
    """
    head = _having(layout, HEAD)
    limbs = [_having(layout, words, side) for words in (ARM, LEG) for side in ("left_", "right_")]
    taken = {joint for part in (head, *limbs) for joint in part}
    rest = tuple(joint for joint in range(layout.num_joints) if joint not in taken)
    torso = rest or tuple(part[0] for part in limbs if part)
    return tuple(part for part in (head, torso, *limbs) if part)


def _having(layout: Layout, words: tuple[str, ...], side: str = "") -> tuple[int, ...]:
    """Joints of that side with one of the words in their names, in the order of the words."""
    rank = {
        joint: min(place for place, word in enumerate(words) if word in name)
        for joint, name in enumerate(layout.joints)
        if name.startswith(side) and any(word in name for word in words)
    }
    return tuple(sorted(rank, key=lambda joint: rank[joint]))
