"""Night enhancement by Zero-DCE's curves (SPEC 4.4)."""
