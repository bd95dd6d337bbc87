"""Floor 1: keys, shards, stores and the reader they share. Knows arrays, rows and records only."""

from .blobs import Blobs
from .build import Build
from .digests import Digests, file_sha256
from .errors import (
    ArchiveError,
    BuildError,
    CacheError,
    KeyDocError,
    MergeError,
    RecipeDriftError,
    ShardError,
    SpaceError,
    SpecError,
    StoreError,
    UnreachableError,
)
from .home import Cache
from .keys import FORMAT, JSON, key_of
from .reader import ArrayView, Card, Reader, open
from .recipes import Recipes
from .records import RowFailure
from .specs import ArraySpec, Row, StoreSpec
from .store import Store, open_store
from .tasks import Receipt, Task
from .writing import Compute, write_block

__all__ = [
    "FORMAT",
    "JSON",
    "ArchiveError",
    "ArraySpec",
    "ArrayView",
    "Blobs",
    "Build",
    "BuildError",
    "Cache",
    "CacheError",
    "Card",
    "Compute",
    "Digests",
    "KeyDocError",
    "MergeError",
    "Reader",
    "Receipt",
    "RecipeDriftError",
    "Recipes",
    "Row",
    "RowFailure",
    "ShardError",
    "SpaceError",
    "SpecError",
    "Store",
    "StoreError",
    "StoreSpec",
    "Task",
    "UnreachableError",
    "file_sha256",
    "key_of",
    "open",
    "open_store",
    "write_block",
]
