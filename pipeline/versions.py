"""Versions of installed packages, cut to what may change results."""

from functools import cache
from importlib.metadata import version


@cache
def major_minor(package: str) -> str:
    """`"2.15"` of an installed package's `"2.15.0+cpu"`."""
    return ".".join(version(package).split("+")[0].split(".")[:2])
