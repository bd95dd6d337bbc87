"""Networks that light crops by their name in params; nothing is imported before it is asked for."""

ENHANCERS: dict[str, tuple[str, int]] = {
    "zero_dce": ("models.night.lighting:ZeroDCELight", 1),
}
"""Enhancers: name → (import path, version of its results), as for `models.names.BACKBONES`.

They stand here, so that a backbone or head that is new in models/names.py is no reason for DVC to run `crop` again.
"""
