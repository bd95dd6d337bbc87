"""Counting what comes over the network."""

import threading
from dataclasses import dataclass, field


@dataclass
class Meter:
    """Counts of network requests and bytes so far."""

    bytes: int = 0
    """Bytes of the bodies received; headers are not counted."""
    requests: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, num_bytes: int) -> None:
        """Count one answer."""
        with self._guard:
            self.bytes += num_bytes
            self.requests += 1
