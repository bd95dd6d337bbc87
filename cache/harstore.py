"""Reads feature stores that labs share: from a folder, a zip, a web server or S3, every byte checked.

The face of the package `harstore`: there it is the package's `__init__` (cache/pyproject.toml), here one module.
"""

from .errors import ArchiveError, CacheError, ShardError, SpecError, StoreError, UnreachableError
from .reader import ArrayView, Card, Reader, open

__all__ = [
    "ArchiveError",
    "ArrayView",
    "CacheError",
    "Card",
    "Reader",
    "ShardError",
    "SpecError",
    "StoreError",
    "UnreachableError",
    "open",
]
