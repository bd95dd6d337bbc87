"""One setting of the C library, which decides whether training on a CPU spends its time on page faults."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h of glibc
_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Let this process reuse the pages of freed tensors instead of returning them; return whether it could.

    glibc maps each large tensor anew and unmaps it when freed, so that every step faults its pages in again:
    14 MB of gradients a step cost AMFI-Net's head more time than its matrix products. Results don't change.
    Up to 1 GiB of freed memory stays with the process. No effect outside Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_TOP_PAD, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)
