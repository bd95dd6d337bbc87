"""AMFI-Net: R3D-18 on video, the fusion head, and the plain fusions it is compared with (SPEC 2)."""
