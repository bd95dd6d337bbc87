"""Floor 1: keys, shards and stores. Knows arrays, rows and records only; the reader's face is `cache.harstore`."""

from .build.build import Build
from .build.tasks import Receipt, Task
from .build.write_block import Compute, write_block
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
from .home.blobs import Blobs
from .home.digests import Digests, file_sha256
from .home.home import Cache
from .home.shared import take_blob
from .keys import FORMAT, JSON, key_of
from .shards.records import RowFailure
from .shards.specs import ArraySpec, Row, StoreSpec
from .store.store import Store, open_store

__all__ = [
    "FORMAT",
    "JSON",
    "ArchiveError",
    "ArraySpec",
    "Blobs",
    "Build",
    "BuildError",
    "Cache",
    "CacheError",
    "Compute",
    "Digests",
    "KeyDocError",
    "MergeError",
    "Receipt",
    "RecipeDriftError",
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
    "open_store",
    "take_blob",
    "write_block",
]
