"""A folder in memory, for tests that build a small cache hundreds of times and would wait for fsync alone."""

import tempfile
from pathlib import Path


def memory_folder(prefix: str) -> Path:
    """Make a fresh folder in shared memory where the system has some, else where temporary files are."""
    shared_memory = Path("/dev/shm")
    base = shared_memory if shared_memory.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=prefix, dir=base))
