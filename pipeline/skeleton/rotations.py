"""Rotation matrices in three dimensions."""

import numpy as np
from numpy.typing import NDArray

NO_LENGTH = 1e-6
"""Length in metres below which a bone has no direction."""


def rotation_onto(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the shortest rotation (3, 3) of `source` onto unit vector `target`; identity for no length.

    Rodrigues: R = I + K + K² / (1 + c), with K the cross product by source × target and c their cosine.
    Opposite vectors turn by π about any axis perpendicular to them.
    """
    length = float(np.linalg.norm(source))
    if not length > NO_LENGTH:
        return np.eye(3)
    unit = np.asarray(source, dtype=np.float64) / length
    cosine = float(unit @ target)
    if cosine < -1 + 1e-9:
        axis = np.cross(unit, np.eye(3)[np.argmin(np.abs(unit))])
        axis /= np.linalg.norm(axis)
        return np.asarray(2 * np.outer(axis, axis) - np.eye(3))
    (a, b, c), (d, e, f) = unit.tolist(), target.tolist()
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d  # np.cross takes as long as all the rest
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))


def rotation_matrices(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convert (B, 3) angles in radians about x, y and z to (B, 3, 3), R = Rz Ry Rx: about x first (SPEC 0.3b)."""
    sines, cosines = np.sin(angles).T, np.cos(angles).T
    rotations = np.zeros((3, len(angles), 3, 3))
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        rotations[axis, :, axis, axis] = 1.0
        rotations[axis, :, one, one] = rotations[axis, :, other, other] = cosines[axis]
        rotations[axis, :, other, one], rotations[axis, :, one, other] = sines[axis], -sines[axis]
    about_x, about_y, about_z = rotations
    return np.asarray(about_z @ about_y @ about_x)
