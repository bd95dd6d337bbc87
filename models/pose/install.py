"""Advice on installing the engines of pose estimation, given wherever one of their packages is missing."""

INSTALL = (
    "install what pose estimation needs: make pose, or in an environment of your own pip install '.[pose]' and then "
    "pip install --no-deps rtmlib==0.0.16 mmpose==1.3.2 (docs/pose.md says why)"
)
