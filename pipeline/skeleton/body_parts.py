"""The six body parts of a joint layout, derived from its joints' names: `parts` of DINet-R (SPEC 1.3)."""

from pipeline.skeleton.layouts import Layout

HEAD = ("neck", "head", "nose", "eye", "ear")
ARM = ("shoulder", "elbow", "wrist", "hand", "thumb")
LEG = ("hip", "knee", "ankle", "foot", "heel", "toe")
"""Words in the names of a leg's joints, from the trunk outward."""


HAND = ("wrist", "hand", "thumb")


def body_parts(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """Return joint indices of head, torso, arms and legs, each outward; parts without joints are left out.

    The torso holds what belongs to no other part, or where nothing does (COCO) shoulders and hips, which then
    belong to two parts. NTU-25: (2, 3), (0, 1, 20), (4, 5, 6, 7, 21, 22), (8, 9, 10, 11, 23, 24),
    (12, 13, 14, 15), (16, 17, 18, 19).
    """
    return tuple(part for part in named_parts(layout).values() if part)


def named_parts(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Return the six parts of `body_parts` by name: head, torso, left arm, right arm, left leg, right leg."""
    limbs = {
        f"{side} {name}": _having(layout, words, f"{side}_")
        for name, words in (("arm", ARM), ("leg", LEG))
        for side in ("left", "right")
    }
    head = _having(layout, HEAD)
    taken = {joint for part in (head, *limbs.values()) for joint in part}
    rest = tuple(joint for joint in range(layout.num_joints) if joint not in taken)
    return {"head": head, "torso": rest or tuple(part[0] for part in limbs.values() if part), **limbs}


def hand_joints(layout: Layout) -> tuple[int, ...]:
    """Return the joints of both hands, wrists among them, in rising order; NTU-25: 6, 7, 10, 11, 21, 22, 23, 24."""
    return tuple(sorted(_having(layout, HAND)))


def _having(layout: Layout, words: tuple[str, ...], side: str = "") -> tuple[int, ...]:
    """Joints of that side with one of the words in their names, in the order of the words."""
    rank = {
        joint: min(place for place, word in enumerate(words) if word in name)
        for joint, name in enumerate(layout.joints)
        if name.startswith(side) and any(word in name for word in words)
    }
    return tuple(sorted(rank, key=lambda joint: rank[joint]))
