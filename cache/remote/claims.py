"""Claims: which worker computes a shard, told by an object that it alone could create, and renews while it works.

No clock is compared with another's. Each renewal changes the claim's ETag; who waits sees one that stayed the same
for a whole lease by his own clock, and takes the claim over in its owner's place. An owner that was only slow computes
in vain: whichever record comes first stays.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from uuid import uuid4

from ..errors import RemoteError
from .objects import Objects

LEASE_SECONDS = 60.0
"""A claim that was not renewed for so long is another's to take; it is renewed three times as often."""

log = logging.getLogger(__name__)


class Claims:
    """The claims that one worker holds at a time; as a context they are renewed, and given back at its end."""

    def __init__(self, objects: Objects, lease_seconds: float) -> None:
        self._objects = objects
        self._lease_seconds = lease_seconds
        self._owner = uuid4().hex
        self._held: dict[str, str] = {}
        """Key to the claim's ETag."""
        self._renewals = 0
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="claims", daemon=True)

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for key in [*self._held]:
            self._give_back(key)

    def take(self, key: str, is_done: Callable[[], bool]) -> bool:
        """Wait until the claim on `key` is ours, and nothing is there yet; False once `is_done`.

        Claims are taken in the order of their keys, so that no two workers wait for each other.
        """
        seen, since = "", time.monotonic()
        while not is_done():
            etag, other = self._created(key)
            if other != seen:
                seen, since = other, time.monotonic()
            elif other and time.monotonic() - since >= self._lease_seconds:
                log.warning(
                    "claim on shard %s taken over: it was not renewed for %g s", key, self._lease_seconds
                )
                etag = self._objects.replace(_name(key), self._body(), other) or ""
            if etag:
                with self._guard:
                    self._held[key] = etag
                if not is_done():  # it may have come between
                    return True
                self._give_back(key)
                return False
            time.sleep(self._lease_seconds / 10)
        return False

    def _created(self, key: str) -> tuple[str, str]:
        """The ETag of our claim, or else another's; both "" where that was given back this very moment."""
        etag = self._objects.create(_name(key), self._body())
        return (etag, "") if etag else self._standing(key)

    def _standing(self, key: str) -> tuple[str, str]:
        """The ETag of the claim that stands, as ours or another's: ours where the answer to its writing was lost."""
        found = self._objects.read(_name(key))
        if found is None:
            return "", ""
        return (found.etag, "") if self._owner.encode() in found.data else ("", found.etag)

    def _give_back(self, key: str) -> None:
        with self._guard:
            self._held.pop(key)
        try:
            self._objects.remove(_name(key))
        except RemoteError as error:
            log.warning("claim on shard %s is not given back, and runs out: %s", key, error)

    def _renew(self) -> None:
        while not self._ended.wait(self._lease_seconds / 3):
            for key in [*self._held]:
                try:
                    self._renewed(key)
                except RemoteError as error:
                    log.warning("claim on shard %s could not be renewed just now: %s", key, error)

    def _renewed(self, key: str) -> None:
        self._renewals += 1
        with self._guard:
            if key not in self._held:
                return  # given back meanwhile
            etag = self._objects.replace(_name(key), self._body(), self._held[key]) or self._standing(key)[0]
            if etag:
                self._held[key] = etag
            else:
                del self._held[key]
                log.warning("claim on shard %s was taken over: it was not renewed in time", key)

    def _body(self) -> bytes:
        who = {
            "owner": self._owner,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "renewals": self._renewals,
        }
        return json.dumps(who).encode()


def _name(key: str) -> str:
    return f"claims/{key}"
