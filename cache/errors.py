"""Every error that `cache` raises. Each is ours and a builtin's; this module imports nothing.

CacheError
    KeyDocError
    SpecError
    BuildError
    SpaceError
    UnreachableError
    RemoteError
        ContentError
    ShardError
    StoreError
        ArchiveError
        MergeError
    RecipeDriftError
"""


class CacheError(Exception):
    """Root of the tree: catch this to catch all of ours."""


class KeyDocError(CacheError, ValueError):
    """A fingerprint document holds something that is not JSON."""


class SpecError(CacheError, ValueError):
    """An array, a store or a row is described in a way that cannot be."""


class BuildError(CacheError, RuntimeError):
    """A store cannot be built: what was computed does not fit, or blocks are still missing."""


class SpaceError(CacheError, OSError):
    """The file system is full (or the quota is); nothing half-written is left."""


class UnreachableError(CacheError, OSError):
    """The file system refuses: read-only, forbidden, or gone from under the cache."""


class RemoteError(CacheError, RuntimeError):
    """The remote cache cannot be used: no such bucket, no credentials, no answer, or no conditional writes."""


class ContentError(RemoteError):
    """Content of the remote cache is missing, or not what its name says."""


class ShardError(CacheError, ValueError):
    """A shard's bytes are not what was written: truncated, or a checksum differs."""


class StoreError(CacheError, ValueError):
    """A store cannot be opened or read: not a store, incomplete, or an id it does not hold."""


class ArchiveError(StoreError):
    """An imported archive cannot be trusted: names, links, sizes or claims that are impossible."""


class MergeError(StoreError):
    """Stores do not belong together: other specs, other recipes, or one row with two contents."""


class RecipeDriftError(CacheError, RuntimeError):
    """A step's code changed and its version did not: cached results could be stale."""
