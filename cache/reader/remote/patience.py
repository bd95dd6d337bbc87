"""Time limits for servers: a deadline for each answer, retries with pauses, and an end to both."""

import io
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import socket

from ...errors import StoreError

_SLOWEST_BYTES_PER_SECOND = 16 << 10
"""What an answer may take beyond the timeout: a second for each so many bytes of it that have come."""
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits on waiting for a server, all of them finite."""

    timeout_seconds: float = 60.0
    """For one whole answer, and a second more for each 16 KiB that have come: a slow line goes on, a stuck one ends."""
    attempts: int = 8
    """Number of tries, the first among them, where the server is busy or the line breaks."""
    wait_seconds: float = 60.0
    """For all pauses between the attempts together."""

    def __post_init__(self) -> None:
        if not (self.timeout_seconds > 0 and self.attempts >= 1 and self.wait_seconds >= 0):
            raise StoreError(
                "timeout_seconds must be above 0, attempts 1 or more, wait_seconds 0 or more; got "
                f"{self.timeout_seconds}, {self.attempts}, {self.wait_seconds}"
            )

    def deadline_seconds(self, num_bytes: int) -> float:
        """The longest that an answer of so many bytes may take."""
        return self.timeout_seconds + num_bytes / _SLOWEST_BYTES_PER_SECOND


class Pauses:
    """The pauses before one request's repeats."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._attempts = 1
        self._waited_seconds = 0.0

    def wait(self, asked_seconds: float | None) -> str:
        """Pause as long as the server asks, else longer each time; gives why not to repeat any more, or ""."""
        if self._attempts >= self._patience.attempts:
            return f"asked {self._attempts} times (attempts={self._patience.attempts})"
        seconds = self._backoff() if asked_seconds is None else asked_seconds
        if self._waited_seconds + seconds > self._patience.wait_seconds:
            wanted = "it asks for" if asked_seconds is not None else "the next attempt is due after"
            return (
                f"{wanted} {seconds:,.1f} seconds of patience, wait_seconds={self._patience.wait_seconds:g} allows "
                f"{self._patience.wait_seconds - self._waited_seconds:,.1f} more: try again later, or open the store "
                "with a higher wait_seconds"
            )
        time.sleep(seconds)
        self._attempts += 1
        self._waited_seconds += seconds
        return ""

    def _backoff(self) -> float:
        """0.1, 0.2, 0.4, … 10 seconds, each less up to a half of it, so that many readers don't come back at once."""
        seconds = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** (self._attempts - 1))
        return seconds * random.uniform(0.5, 1.0)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the wait that an answer asks for: in seconds, or until a date by the server's clock (RFC 9110, 10.2.3).

    None where it does not say, or says it unreadably.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = _date(value)
    if until is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class Timed(io.RawIOBase):
    """A socket with one deadline for everything it receives. Raises TimeoutError."""

    def __init__(self, sock: socket, timeout_seconds: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until this is closed
        self._ends_at = time.monotonic() + timeout_seconds

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the reading file that http.client asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return True, which io asks for."""
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int | None:  # type: ignore[override]
        """Receive what is there, once something is."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer came too slowly")
        self._sock.settimeout(left)
        found = self._raw.readinto(buffer)
        self._ends_at += (found or 0) / _SLOWEST_BYTES_PER_SECOND
        return found

    def close(self) -> None:
        """Let the socket go."""
        if not self.closed:
            self._raw.close()
        super().close()
