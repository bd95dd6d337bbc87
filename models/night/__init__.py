"""Enhancement of night videos by Zero-DCE's curves (SPEC 4.4)."""
