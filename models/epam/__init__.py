"""EPAM-Net: X-ShiftNets on colour and pose, and attention from one on the other (SPEC 3)."""
