"""Engines of pose estimation by their name in params; nothing is imported before it is asked for."""

POSE_NETWORKS: dict[str, tuple[str, int]] = {
    "mmpose": ("models.pose.mmpose_network:MMPoseNetwork", 1),
    "rtmlib": ("models.pose.rtmlib_network:RtmlibNetwork", 1),
}
"""Networks that find joints: name → (import path, version of its results), as for `models.names.BACKBONES`."""

PERSON_DETECTORS: dict[str, tuple[str, int]] = {
    "rtmlib": ("models.pose.rtmlib_detector:RtmlibDetector", 1),
}
"""Networks that find people's boxes, likewise."""
