"""AMFI-Net: R3D-18 on video, the fusion head, and the simple fusions it is compared with (SPEC 2)."""
